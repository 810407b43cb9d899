"""Whether a model is a base or an instruct variant, told from its name by the families' own habits.

A base model has learnt to go on with text, an instruct variant to answer in turns. Imports the standard
library only: the trainer warns by this, the form gives its hint by it.

Source: model cards of google/gemma-*, Qwen/*, meta-llama/*, mistralai/*, HuggingFaceTB/SmolLM*.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

Variant = Literal["instruct", "base"]

_INSTRUCT: Final = {"instruct", "chat", "it", "thinking"}
_BASE: Final = {"base", "pt", "pretrained"}
_PLAIN: Final = re.compile(
    r"v?\d+(\.\d+)*|(\d+x)?[ae]?\d+(\.\d+)?[bmen]|hf|bf16|fp8|\d+bit|bnb|unsloth|gguf|awq|gptq|int[48]"
    r"|small|nemo|text|vl|vision|scout|maverick"
)
"""Parts of a name that say nothing of the variant: generation, size, format. Any other part may be the name
of somebody's own training, of which nothing is known."""
_FORMAT: Final = re.compile(
    r"((-unsloth)?-bnb-[48]bit|-bf16|-fp8|-gguf|-awq|-gptq(-int[48])?)+$", re.IGNORECASE
)


@dataclass(frozen=True)
class _Family:
    start: re.Pattern[str]
    """How its models' names begin."""
    plain: Variant
    """What a name without a word for it means."""
    suffix: str = ""
    """What the instruct variant's name ends with."""


def _family(start: str, plain: Variant, suffix: str = "") -> _Family:
    return _Family(re.compile(start, re.IGNORECASE), plain, suffix)


_FAMILIES: Final = (
    _family(r"gemma-(?=\d)", "base", "-it"),
    _family(r"qwen3(\.\d+)?-", "instruct"),
    _family(r"qwen1\.5-", "base", "-Chat"),
    _family(r"qwen2(\.5)?-", "base", "-Instruct"),
    _family(r"llama-2-", "base", "-chat"),
    _family(r"(meta-)?llama-(?=\d)", "base", "-Instruct"),
    _family(r"(mistral|mixtral|ministral)-", "base", "-Instruct"),
    _family(r"smollm[23]?-(?=\d+m|1\.7b)", "base", "-Instruct"),
    _family(r"smollm3-", "instruct"),
)  # fmt: skip


def classify_model(name: str) -> Variant | None:
    """`name` is one on the Hub or a folder; None if nothing in it tells."""
    short = short_name(name).lower()
    family = _family_of(short)
    parts = [part for part in re.split(r"[-_]", family.start.sub("", short, 1) if family else short) if part]
    if _INSTRUCT.intersection(parts):
        return "instruct"
    if _BASE.intersection(parts):
        return "base"
    return family.plain if family and all(_PLAIN.fullmatch(part) for part in parts) else None


def instruct_variant(name: str) -> str | None:
    """The name of a base model's instruct sibling; None if its family is not known, or it is none itself."""
    short = short_name(name)
    family = _family_of(short)
    if family is None or classify_model(name) != "base":
        return None
    owner = name.rpartition("/")[0] + "/" if name.count("/") == 1 and not name.startswith((".", "/")) else ""
    tail = match.group() if (match := _FORMAT.search(short)) else ""
    stem = short.removesuffix(tail)
    word = family.suffix.strip("-")
    replaced = re.sub(r"-(base|pt|pretrained)(?=-|$)", family.suffix, stem, count=1, flags=re.IGNORECASE)
    if replaced == stem and word:  # what stands after the variant: a version like v0.3, a date, `hf`
        replaced = re.sub(r"(?=-v\d|-\d{4}$|-hf$)|$", family.suffix, stem, count=1)
    return owner + replaced + tail


def base_model_hint(name: str) -> str:
    """A sentence for people about to train chats on it; empty unless it is known to be a base model."""
    if classify_model(name) != "base":
        return ""
    better = instruct_variant(name)
    which = f"its instruct variant, {better}" if better else "an instruct variant of the same family"
    return (
        f"{short_name(name)} is a base model, by its name: it has not learnt to answer in turns. Chats are "
        f"better trained on {which}."
    )


def short_name(name: str) -> str:
    """Without the owner or the folders around it; of the Hub's cache, the repository's name."""
    parts = [part for part in re.split(r"[/\\]", name.strip()) if part]
    if len(parts) > 1 and parts[-2] == "snapshots":
        parts = [part.rpartition("--")[2] for part in parts[:-2]]
    return parts[-1] if parts else ""


def _family_of(short: str) -> _Family | None:
    return next((family for family in _FAMILIES if family.start.match(short)), None)
