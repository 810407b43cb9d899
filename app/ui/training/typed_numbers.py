"""Numbers of a form: kept as the text a person typed, read and judged against the run's schema."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Final

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from trainer_image.config import Lora, Osft, Pattern, RunConfig


@dataclass(frozen=True)
class Number:
    """One field that holds a number."""

    label: str
    whole: bool
    owner: type[BaseModel] = RunConfig
    may_be_empty: bool = False


NUMBERS: Final[Mapping[str, Number]] = MappingProxyType(
    {
        "num_epochs": Number("Epochs", whole=True),
        "max_steps": Number("Max steps", whole=True, may_be_empty=True),
        "learning_rate": Number("Learning rate", whole=False),
        "per_device_batch_size": Number("Per-device batch size", whole=True),
        "gradient_accumulation_steps": Number("Gradient accumulation", whole=True),
        "max_seq_len": Number("Max sequence length", whole=True),
        "seed": Number("Seed", whole=True),
        "save_steps": Number("Save every N steps", whole=True),
        "warmup_steps": Number("Warm-up steps", whole=True),
        "warmup_ratio": Number("Warm-up share", whole=False),
        "weight_decay": Number("Weight decay", whole=False),
        "max_grad_norm": Number("Max gradient norm", whole=False),
        "keep_checkpoints": Number("Checkpoints kept", whole=True),
        "min_seq_len": Number("Shortest row", whole=True),
        "max_lost_share": Number("Most rows lost", whole=False),
        "block_size": Number("Block size", whole=True, may_be_empty=True),
        "validation_share": Number("Validation share", whole=False),
        "eval_steps": Number("Measure every N steps", whole=True),
        "samples": Number("Sample answers", whole=True),
        "sample_tokens": Number("Longest sample", whole=True),
        "early_stopping_patience": Number("Early stopping", whole=True, may_be_empty=True),
        "lora_r": Number("LoRA rank (r)", whole=True, owner=Lora),
        "lora_alpha": Number("LoRA alpha", whole=True, owner=Lora),
        "lora_dropout": Number("LoRA dropout", whole=False, owner=Lora),
        "unfreeze_rank_ratio": Number("Unfreeze rank ratio", whole=False, owner=Osft),
    }
)
"""Field of RunConfig (or of a method) → how its form field speaks and reads."""


def help_of(name: str) -> str:
    """The sentence under the field: the schema's own description."""
    return NUMBERS[name].owner.model_fields[name].description or ""


def default_text(name: str) -> str:
    return as_text(NUMBERS[name].owner.model_fields[name].default)


def is_default(name: str, text: str) -> bool:
    """Whether the text says the schema's own value, however it is written."""
    return not problem(name, text) and read(name, text) == NUMBERS[name].owner.model_fields[name].default


def as_text(value: float | None) -> str:
    """Shortest text that reads back as exactly this number; empty for None."""
    if value is None:
        return ""
    short = f"{value:g}"
    return short if "e+" not in short and float(short) == value else repr(value)


def read(name: str, text: str) -> float | None:
    """The number in `text`. Raises ValueError with a sentence for people."""
    number, text = NUMBERS[name], text.strip()
    if not text and number.may_be_empty:
        return None
    try:
        value: float = int(text) if number.whole else float(text)
    except ValueError:
        kind = "a whole number" if number.whole else "a number with a point, like 0.0002"
        raise ValueError(f"Type {kind}.") from None
    if not math.isfinite(value):
        raise ValueError("Type a finite number.")
    try:
        _ADAPTERS[name].validate_python(value)
    except ValidationError as error:
        raise ValueError(sentence_of(error.errors()[0], is_whole=number.whole)) from None
    return value


def problem(name: str, text: str) -> str:
    """What is wrong with the text, as a sentence; empty if nothing is."""
    try:
        read(name, text)
    except ValueError as error:
        return str(error)
    return ""


def pattern_problem(pattern: str) -> str:
    """What is wrong with a regular expression for layers, as a sentence; empty if nothing is."""
    try:
        TypeAdapter[str](Pattern).validate_python(pattern)
    except ValidationError as error:
        return str(error.errors()[0]["msg"]).removeprefix("Value error, ")
    return ""


def _adapter(name: str) -> TypeAdapter[Any]:
    field = NUMBERS[name].owner.model_fields[name]
    constrained: Any = Annotated[field.annotation, field]
    return TypeAdapter(constrained)


_ADAPTERS: Final = {name: _adapter(name) for name in NUMBERS}


def sentence_of(first: ErrorDetails, *, is_whole: bool = False) -> str:
    """What pydantic found wrong with a value, for people."""
    limits = first.get("ctx", {})
    match first["type"]:
        case "greater_than" if is_whole:
            return f"Must be at least {_plain(limits['gt'] + 1)}."
        case "greater_than":
            return f"Must be more than {_plain(limits['gt'])}."
        case "greater_than_equal":
            return f"Must be at least {_plain(limits['ge'])}."
        case "less_than":
            return f"Must be less than {_plain(limits['lt'])}."
        case "less_than_equal":
            return f"Must be at most {_plain(limits['le'])}."
        case _:
            return f"{first['msg']}."


def _plain(limit: float) -> str:
    return f"{int(limit):,}" if limit == int(limit) else f"{limit:g}"
