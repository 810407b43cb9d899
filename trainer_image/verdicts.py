"""What is found out about the data before a model is loaded; `judging` puts it into sentences.

Does the model learn to stop? Does a row begin twice? Does the template change what was written, or leave the
system prompt, the reasoning or the tools out? The texts of the first rows are compared with what the template
makes of them; the tokens of all rows are looked at.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final, Literal

from trainer_image.data import IGNORED, TrainingRows
from trainer_image.judging import Facts
from trainer_image.masking import special_ids
from trainer_image.rendering import render
from trainer_image.rows import Message, Refused, Row

INSPECTED: Final = 100
"""Rows whose text is compared; rendering each once more costs time."""

Change = Literal["system_lost", "rewritten", "trimmed", "reasoning_lost", "tools_lost", "structure_written"]
CHANGES: Final[tuple[Change, ...]] = (
    "system_lost", "rewritten", "trimmed", "reasoning_lost", "tools_lost", "structure_written",
)  # fmt: skip
"""What template and tokenizer can do to a row; each is a field of `Facts`."""

_REASONING: Final = ("reasoning_content", "thinking")


class Inspection:
    """Remembers the first rows that pass by, and judges them when the tokens are known."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._rows: list[Row] = []

    def watch(self, rows: Iterable[Row | Refused]) -> Iterator[Row | Refused]:
        for row in rows:
            if isinstance(row, Row) and len(self._rows) < INSPECTED:
                self._rows.append(row)
            yield row

    def fill(self, passing: Iterator[Row | Refused]) -> None:
        """Let as many rows of `watch` pass as are remembered."""
        while len(self._rows) < INSPECTED and next(passing, None):
            pass

    def facts(self, rows: TrainingRows) -> Facts:
        """Ask before any are kept aside: it counts the rows it is given."""
        special, begin = special_ids(self._tokenizer), self._tokenizer.bos_token_id
        changed = [changes(self._tokenizer, row.messages) for row in self._rows]
        found = Facts(
            kept=len(rows.labels),
            unstopped=sum(last_trained(labels) not in special for labels in rows.labels),
            doubled=0 if begin is None else sum(begins_twice(ids, begin) for ids in rows.input_ids),
            nothing=rows.ledger.buckets["no_trained_token"],
            lost_answers=rows.lost_answers,
            inspected=len(self._rows),
        )
        return replace(found, **{name: sum(name in each for each in changed) for name in CHANGES})


def changes(tokenizer: Any, messages: Sequence[Message]) -> set[Change]:
    """What the template does to the texts of a row; nothing if it refuses the row, which the ledger has."""
    try:
        text = render(tokenizer, list(messages))
    except Exception:  # templates are programs of strangers and raise anything
        return set()
    contents = [m["content"] for m in messages if m["role"] != "system"]
    systems = [m["content"] for m in messages if m["role"] == "system"]
    found: dict[Change, bool] = {
        "system_lost": any(content.strip() not in text for content in systems),
        "rewritten": any(content.strip() not in text for content in contents),
        "trimmed": all(content.strip() in text for content in contents)
        and any(content not in text for content in contents),
        "reasoning_lost": any(thought.strip() not in text for thought in _reasoning(messages)),
        "tools_lost": any(name not in text for name in _names_of_tools(messages)),
        "structure_written": any(token in m["content"] for token in structure(tokenizer) for m in messages),
    }
    return {change for change, is_so in found.items() if is_so}


def structure(tokenizer: Any) -> set[str]:
    """Texts that become tokens which stand for structure: an end of turn, a beginning."""
    added = {str(token) for token in tokenizer.added_tokens_decoder.values() if token.special}
    return {token for token in {*added, *tokenizer.all_special_tokens} if token.strip()} - {
        tokenizer.unk_token
    }


def begins_twice(ids: Sequence[int], begin: int | None) -> bool:
    return begin is not None and len(ids) > 1 and ids[0] == ids[1] == begin


def last_trained(labels: Sequence[int]) -> int | None:
    return next((label for label in reversed(labels) if label != IGNORED), None)


def _reasoning(messages: Sequence[Message]) -> Iterator[str]:
    for message in messages:
        yield from (thought for key in _REASONING if isinstance(thought := message.get(key), str))


def _names_of_tools(messages: Sequence[Message]) -> Iterator[str]:
    """Names of the tools a row offers and calls: where one is missing, the template leaves it out."""
    for message in messages:
        for key in ("tools", "tool_calls"):
            entries = message.get(key)
            for entry in entries if isinstance(entries, list) else []:
                inner = entry.get("function", entry) if isinstance(entry, dict) else {}
                name = inner.get("name") if isinstance(inner, dict) else None
                if isinstance(name, str) and name:
                    yield name
