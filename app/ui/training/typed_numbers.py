"""Numbers of a form: kept as the text a person typed, read and judged against the run's schema."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Final

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from app.domain.decimals import plain
from app.domain.presets import QUICK_LOCAL_TEST, preset_values
from app.ui.texts import text, text_in
from trainer_image.config import Lora, Osft, Pattern, RunConfig


@dataclass(frozen=True)
class Number:
    """One field that holds a number."""

    whole: bool
    owner: type[BaseModel] = RunConfig
    may_be_empty: bool = False


NUMBERS: Final[Mapping[str, Number]] = MappingProxyType(
    {
        "num_epochs": Number(whole=True),
        "max_steps": Number(whole=True, may_be_empty=True),
        "learning_rate": Number(whole=False),
        "per_device_batch_size": Number(whole=True),
        "gradient_accumulation_steps": Number(whole=True),
        "max_seq_len": Number(whole=True),
        "seed": Number(whole=True),
        "save_steps": Number(whole=True),
        "warmup_steps": Number(whole=True),
        "warmup_ratio": Number(whole=False),
        "weight_decay": Number(whole=False),
        "max_grad_norm": Number(whole=False),
        "keep_checkpoints": Number(whole=True),
        "min_seq_len": Number(whole=True),
        "max_lost_share": Number(whole=False),
        "block_size": Number(whole=True, may_be_empty=True),
        "validation_share": Number(whole=False),
        "eval_steps": Number(whole=True),
        "samples": Number(whole=True),
        "sample_tokens": Number(whole=True),
        "early_stopping_patience": Number(whole=True, may_be_empty=True),
        "min_improvement": Number(whole=False),
        "lora_r": Number(whole=True, owner=Lora),
        "lora_alpha": Number(whole=True, owner=Lora),
        "lora_dropout": Number(whole=False, owner=Lora),
        "unfreeze_rank_ratio": Number(whole=False, owner=Osft),
    }
)
"""Field of RunConfig (or of a method) → how its form field speaks and reads."""


def label_of(name: str) -> str:
    return text_in("training.numbers", name)


def help_of(name: str) -> str:
    """The sentence under the field: the schema's own description."""
    return NUMBERS[name].owner.model_fields[name].description or ""


def default_text(name: str) -> str:
    return as_text(NUMBERS[name].owner.model_fields[name].default)


def first() -> dict[str, str]:
    """Of a form nobody has touched: the schema's values, and over them those of its first preset."""
    preset = preset_values(QUICK_LOCAL_TEST, "lora")
    return {name: default_text(name) for name in NUMBERS} | {name: as_text(v) for name, v in preset.items()}


def is_default(name: str, text: str) -> bool:
    """Whether the text says the schema's own value, however it is written."""
    return not problem(name, text) and read(name, text) == NUMBERS[name].owner.model_fields[name].default


def as_text(value: float | None) -> str:
    """Shortest text that reads back as exactly this number; empty for None."""
    return "" if value is None else plain(value)


def read(name: str, typed: str) -> float | None:
    """The number in `typed`. Raises ValueError with a sentence for people."""
    number, typed = NUMBERS[name], typed.strip()
    if not typed and number.may_be_empty:
        return None
    try:
        value: float = int(typed) if number.whole else float(typed)
    except ValueError:
        wanted = text("training.wrong_number.whole") if number.whole else text("training.wrong_number.point")
        raise ValueError(wanted) from None
    if not is_finite(value):
        raise ValueError(text("training.wrong_number.finite"))
    try:
        _ADAPTERS[name].validate_python(value)
    except ValidationError as error:
        raise ValueError(sentence_of(error.errors()[0], is_whole=number.whole)) from None
    return value


def is_finite(value: float) -> bool:
    """A whole number may have more digits than a float has room for."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def problem(name: str, typed: str) -> str:
    """What is wrong with the text, as a sentence; empty if nothing is."""
    try:
        read(name, typed)
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
            return text("training.wrong_number.at_least", least=_plain(limits["gt"] + 1))
        case "greater_than":
            return text("training.wrong_number.more_than", limit=_plain(limits["gt"]))
        case "greater_than_equal":
            return text("training.wrong_number.at_least", least=_plain(limits["ge"]))
        case "less_than":
            return text("training.wrong_number.less_than", limit=_plain(limits["lt"]))
        case "less_than_equal":
            return text("training.wrong_number.at_most", most=_plain(limits["le"]))
        case _:
            return f"{first['msg']}."


def _plain(limit: float) -> str:
    return f"{int(limit):,}" if limit == int(limit) else f"{limit:g}"
