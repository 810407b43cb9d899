"""What a person asks a source on the web for: its fields, the values given, and whether they make sense."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from app.domain.errors import StudioError

Answer = str | int | bool | tuple[str, ...]
Query = Mapping[str, Answer]
"""A value for each field of the source."""

FieldKind = Literal["text", "number", "choice", "flag", "lines"]


class WrongQueryError(StudioError):
    """What a person asked for makes no sense to the source; nothing was sent anywhere."""


@dataclass(frozen=True)
class Field:
    """One thing a source wants to know. The window and the command line make their forms of these."""

    name: str
    label: str
    help: str
    kind: FieldKind = "text"
    default: Answer = ""
    choices: tuple[str, ...] = ()
    is_required: bool = False
    least: int = 0
    most: int = 1_000_000


LIMIT: Final = Field(
    "limit", "Most rows", "It stops there.", kind="number", default=100, least=1, most=1_000_000
)
"""Every source has it; whoever runs the source sees to it."""


def text_in(query: Query, name: str) -> str:
    return str(query[name])


def number_in(query: Query, name: str) -> int:
    return int(str(query[name]))


def is_on(query: Query, name: str) -> bool:
    return query[name] is True


def lines_in(query: Query, name: str) -> tuple[str, ...]:
    value = query[name]
    return value if isinstance(value, tuple) else ()


def checked(label: str, fields: Sequence[Field], given: Mapping[str, Any]) -> Query:
    """Every field, and `LIMIT`, with its value, given or default. Raises WrongQueryError."""
    known = {field.name: field for field in (*fields, LIMIT)}
    if strangers := sorted(set(given) - set(known)):
        raise WrongQueryError(f"{label} knows no '{strangers[0]}'.", f"It knows: {', '.join(known)}.")
    return {name: _checked(field, given.get(name, field.default)) for name, field in known.items()}


def _checked(field: Field, value: Any) -> Answer:
    match field.kind:
        case "number":
            return _number(field, value)
        case "flag":
            if not isinstance(value, bool):
                raise WrongQueryError(f"{field.label} is on or off.")
            return value
        case "lines":
            lines = value.splitlines() if isinstance(value, str) else list(value)
            texts = tuple(text for line in lines if (text := str(line).strip()))
            return _required(field, texts)
        case "choice":
            if value not in field.choices:
                raise WrongQueryError(f"{field.label} is one of: {', '.join(field.choices)}.")
            return str(value)
        case _:
            return _required(field, str(value).strip())


def _required(field: Field, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
    if field.is_required and not value:
        raise WrongQueryError(f"{field.label} is missing.", field.help)
    return value


def _number(field: Field, value: Any) -> int:
    text = str(value).strip()
    digits = text.removeprefix("-")
    is_number = digits.isascii() and digits.isdigit() and len(digits) < 10
    number = int(text) if is_number else None
    if number is None or not field.least <= number <= field.most:
        raise WrongQueryError(f"{field.label} is a whole number from {field.least:,} to {field.most:,}.")
    return number
