"""Which prompts an export is tried with: of rows that were kept aside, as far as there are any."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.domain.runs import Run
from trainer_image.aside import drawn, validation_count
from trainer_image.config import DATA_FILE
from trainer_image.rows import Row, read_jsonl

Prompt = tuple[dict[str, str], ...]


@dataclass(frozen=True)
class Example:
    """A prompt of the data, and the answer the data gives."""

    prompt: Prompt
    answer: str


KEPT_ASIDE: Final = "The prompts are of rows that were kept aside from training."
TRAINED_ON: Final = "No rows were kept aside: the prompts are of rows the run was trained on."
GENERAL: Final = "The run's rows are not on this computer: the prompts are general ones."
_GENERAL: Final = (
    "Who are you?",
    "Write one sentence about the sea.",
    "What is 17 + 25? Answer with the number only.",
    "List three colours, one a line.",
    "Translate into French: Good morning, how are you?",
)
_LONGEST_LETTERS: Final = 8_000


def prompts_of(run: Run, most: int) -> tuple[tuple[Prompt, ...], str]:
    """At most so many prompts, and in a sentence what they are."""
    found, what_they_are = examples_of(run, most)
    if found:
        return tuple(example.prompt for example in found), what_they_are
    return tuple(({"role": "user", "content": text},) for text in _GENERAL[:most]), what_they_are


def examples_of(run: Run, most: int) -> tuple[tuple[Example, ...], str]:
    """At most so many rows as prompts with their answers, no prompt twice, and what they are; none where the
    run's rows are not here."""
    config = run.config
    if config.validation == "file" and config.validation_file:
        found = _few((_example(json.loads(row)) for row in _texts(run.folder / config.validation_file)), most)
        if found:
            return found, KEPT_ASIDE
    rows = list(dict.fromkeys(_texts(run.folder / DATA_FILE)))
    count = validation_count(config, len(rows))
    chosen = sorted(drawn(len(rows), count, seed=config.seed)) if count else range(len(rows))
    found = _few((_example(json.loads(rows[at])) for at in chosen), most)
    if found:
        return found, KEPT_ASIDE if count else TRAINED_ON
    return (), GENERAL


def _few(examples: Iterable[Example | None], most: int) -> tuple[Example, ...]:
    found: dict[str, Example] = {}
    for example in examples:
        if example is not None:
            found.setdefault(json.dumps(example.prompt), example)
        if len(found) >= most:
            break
    return tuple(found.values())


def _texts(path: Path) -> Iterator[str]:
    """Each usable row as text, so that equal ones are one."""
    try:
        for item in read_jsonl(path):
            if isinstance(item, Row):
                yield json.dumps(item.messages)
    except OSError:
        return


def _example(messages: list[dict[str, Any]]) -> Example | None:
    """The last answer and what stands before it; None where that is no plain conversation, or very long."""
    last = max((at for at, m in enumerate(messages) if m.get("role") == "assistant"), default=0)
    asked = messages[:last]
    plain = all(isinstance(m.get("content"), str) and not m.get("tool_calls") for m in asked)
    if not asked or asked[-1].get("role") != "user" or not plain:
        return None
    if any(m["role"] not in {"system", "user", "assistant"} for m in asked):
        return None
    if sum(len(m["content"]) for m in asked) > _LONGEST_LETTERS:
        return None
    prompt = tuple({"role": str(m["role"]), "content": str(m["content"])} for m in asked)
    return Example(prompt, str(messages[last].get("content") or ""))
