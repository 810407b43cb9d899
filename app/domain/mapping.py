"""Which column of a table plays which part in a row, and what becomes of the columns that play none.

What a row then is, `trainer_image.rows` decides: a mapping only hands it the columns under the names it
knows. Columns without a part go to the row's `meta`, so nothing is lost in silence.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from app.domain.errors import StudioError
from trainer_image.rows import DOCUMENT, Message, RowError, to_messages


class MappingError(StudioError):
    """A mapping that cannot be: an unknown part, or one column for two parts."""


class RowKind(StrEnum):
    CHAT = "chat"
    SHAREGPT = "sharegpt"
    PAIR = "pair"
    INSTRUCTION = "instruction"
    DOCUMENT = "document"

    @property
    def label(self) -> str:
        return _LABELS[self]

    @property
    def parts(self) -> tuple["Part", ...]:
        """What its columns may play, required ones first."""
        return tuple(_KEYS[self])

    @property
    def required(self) -> tuple["Part", ...]:
        return tuple(part for part in _KEYS[self] if part not in _OPTIONAL)


class Part(StrEnum):
    MESSAGES = "messages"
    QUESTION = "question"
    ANSWER = "answer"
    INPUT = "input"
    TEXT = "text"
    SYSTEM = "system"
    TOOLS = "tools"
    UNMASK = "unmask"


_LABELS: Final = {
    RowKind.CHAT: "chat messages",
    RowKind.SHAREGPT: "ShareGPT conversations",
    RowKind.PAIR: "question and answer",
    RowKind.INSTRUCTION: "instruction, input and answer",
    RowKind.DOCUMENT: "plain documents",
}

_EXTRAS: Final = {Part.SYSTEM: "system", Part.TOOLS: "tools", Part.UNMASK: "unmask"}
_OPTIONAL: Final = {Part.INPUT, *_EXTRAS}

_KEYS: Final[Mapping[RowKind, Mapping[Part, str]]] = {
    RowKind.CHAT: {Part.MESSAGES: "messages", **_EXTRAS},
    RowKind.SHAREGPT: {Part.MESSAGES: "conversations", **_EXTRAS},
    RowKind.PAIR: {Part.QUESTION: "prompt", Part.ANSWER: "completion", **_EXTRAS},
    RowKind.INSTRUCTION: {
        Part.QUESTION: "instruction", Part.ANSWER: "output", Part.INPUT: "input", **_EXTRAS,
    },
    RowKind.DOCUMENT: {Part.TEXT: "document"},
}  # fmt: skip
"""The name under which `trainer_image.rows` looks for each part."""


@dataclass(frozen=True)
class ColumnMapping:
    """Raises MappingError for a part its kind has not, and for a column that would play two."""

    kind: RowKind
    columns: Mapping[Part, str] = field(default_factory=dict)
    """Part → column. Required parts may still be missing: see `missing`."""

    def __post_init__(self) -> None:
        for part in self.columns:
            if part not in self.kind.parts:
                raise MappingError(f"Rows of {self.kind.label} have no part '{part}'.", _parts_of(self.kind))
        played = list(self.columns.values())
        if twice := next((column for column in played if played.count(column) > 1), None):
            raise MappingError(f"The column '{twice}' plays two parts.", "Give each part its own column.")

    @property
    def missing(self) -> tuple[Part, ...]:
        """Required parts without a column; rows can be read when there is none."""
        return tuple(part for part in self.kind.required if part not in self.columns)

    def part_of(self, column: str) -> Part | None:
        return next((part for part, played_by in self.columns.items() if played_by == column), None)

    def playing(self, column: str, part: Part | None) -> "ColumnMapping":
        """The same with `column` in that part, and in no other; who had it before has none now."""
        others = {p: c for p, c in self.columns.items() if c != column and p != part}
        return ColumnMapping(self.kind, {**others, part: column} if part else others)

    def with_part(self, part: Part, column: str | None) -> "ColumnMapping":
        """The same with that part played by `column`, or by none; as it is if its rows have no such part."""
        if part not in self.kind.parts:
            return self
        played_by = column or self.columns.get(part)
        return self.playing(played_by, part if column else None) if played_by else self

    def of_kind(self, kind: RowKind) -> "ColumnMapping":
        """The parts both kinds have stay as they are."""
        return ColumnMapping(kind, {p: c for p, c in self.columns.items() if p in kind.parts})

    def is_for(self, record: Mapping[str, Any]) -> bool:
        """Whether the record has all columns that are required of it."""
        return not self.missing and all(self.columns[part] in record for part in self.kind.required)

    def sentence(self, columns: Sequence[str]) -> str:
        """What the rows of a table with these columns become, for people."""
        if self.missing:
            return f"Rows of {self.kind.label} need a column for: {', '.join(self.missing)}."
        played = ", ".join(f"{part} ← `{self.columns[part]}`" for part in self._in_order())
        extra = [column for column in columns if self.part_of(column) is None]
        return f"Rows are {self.kind.label}: {played}{_kept(extra)}."

    def apply(self, record: Any) -> tuple[tuple[Message, ...], dict[str, Any]]:
        """The record's messages, and the columns that are in none of them. Raises RowError.

        A system prompt that the conversation has no room for (it has its own) counts as unused.
        """
        if not isinstance(record, Mapping):
            raise RowError("malformed", "the row is not a JSON object")
        messages = to_messages(self._under_known_names(record))
        used = {column for part, column in self.columns.items() if _is_in(messages, part, record.get(column))}
        return messages, _unfolded({c: value for c, value in record.items() if c not in used})

    def as_record(self) -> dict[str, Any]:
        """For JSON: {"kind": …, "columns": {part: column}}; `from_record` reads it back."""
        return {"kind": self.kind.value, "columns": {p.value: self.columns[p] for p in self._in_order()}}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "ColumnMapping":
        """Raises MappingError if it is none."""
        try:
            columns = {Part(part): str(column) for part, column in record["columns"].items()}
            return cls(RowKind(record["kind"]), columns)
        except (KeyError, ValueError, AttributeError, TypeError) as error:
            raise MappingError(
                "A saved column mapping cannot be read.", "Choose the columns again."
            ) from error

    def _in_order(self) -> list[Part]:
        return [part for part in self.kind.parts if part in self.columns]

    def _under_known_names(self, record: Mapping[str, Any]) -> dict[str, Any]:
        keys = _KEYS[self.kind]
        for part in self.kind.required:
            column = self.columns.get(part)
            if column is None:
                raise RowError("malformed", f"no column was chosen for the {part}")
            if column not in record:
                raise RowError("malformed", f"no column '{column}' for the {part}")
        return {keys[part]: record[column] for part, column in self.columns.items() if column in record}


def mapping_of(
    kind: RowKind | None, chosen: Mapping[str, str], guess: ColumnMapping | None
) -> ColumnMapping | None:
    """The guess, changed by what a person chose: the kind, and part → column (none if the column is "").

    Without a kind, it is the one of the guess, or the first that has all the parts. Raises MappingError.
    """
    parts = {_part(name): column for name, column in chosen.items()}
    if kind is None:
        kinds = ([guess.kind] if guess else []) + list(RowKind)
        kind = next((k for k in kinds if set(parts) <= set(k.parts)), None)
        if kind is None:
            names = ", ".join(parts)
            raise MappingError(f"No kind of row has all these parts: {names}.", "Name the kind of row.")
    mapping = guess.of_kind(kind) if guess else ColumnMapping(kind)
    for part, column in parts.items():
        if part not in kind.parts:
            raise MappingError(f"Rows of {kind.label} have no part '{part}'.", _parts_of(kind))
        if column:
            mapping = mapping.playing(column, part)
        else:
            mapping = ColumnMapping(kind, {p: c for p, c in mapping.columns.items() if p != part})
    if mapping.missing:
        raise MappingError(mapping.sentence(()), f"Name it, as in {mapping.missing[0]}=COLUMN.")
    return mapping


def _part(name: str) -> Part:
    try:
        return Part(name)
    except ValueError:
        raise MappingError(f"There is no part '{name}'.", f"The parts are: {', '.join(Part)}.") from None


def mapping_by_names(record: Any) -> ColumnMapping | None:
    """How `trainer_image.rows` itself reads the record: by the names of its keys. None if it knows none."""
    if not isinstance(record, Mapping):
        return None
    for kind, keys in _KEYS.items():
        named = {part: key for part, key in keys.items() if key in record}
        if all(part in named for part in kind.required):
            return ColumnMapping(kind, named)
    return ColumnMapping(RowKind.DOCUMENT, {Part.TEXT: "text"}) if "text" in record else None


def apply_or_by_names(
    mapping: ColumnMapping | None, record: Any
) -> tuple[tuple[Message, ...], dict[str, Any]]:
    """Read a record by a guessed mapping, or by its own names where it lacks the columns. Raises RowError.

    Files hold rows of several formats; nobody asked for this one in particular.
    """
    if not isinstance(record, Mapping):
        return to_messages(record), {}
    if mapping is None or not mapping.is_for(record):
        has_some = mapping is not None and any(column in record for column in mapping.columns.values())
        mapping = mapping_by_names(record) or (mapping if has_some else None)
    return mapping.apply(record) if mapping else (to_messages(record), {})


def _is_in(messages: Sequence[Message], part: Part, value: Any) -> bool:
    """Whether the messages hold what the column said, or it said nothing."""
    if part not in _EXTRAS or not value or (isinstance(value, str) and not value.strip()):
        return True
    if part is Part.SYSTEM:
        return bool(messages[0]["role"] == "system" and messages[0]["content"] == value)
    return bool(messages[0]["role"] != DOCUMENT)


_EXPORTED: Final = ("meta", "tools")


def _unfolded(unused: Mapping[str, Any]) -> dict[str, Any]:
    """An exported row has what is known of it in one column, `meta`; in CSV and Parquet that is JSON text.

    Both have their columns for every row: what is empty there was never known.
    """
    unused = {c: value for c, value in unused.items() if c not in _EXPORTED or value not in (None, "")}
    known = unused.get("meta")
    if isinstance(known, str):
        with suppress(ValueError, RecursionError):
            known = json.loads(known)
    if not isinstance(known, Mapping):
        return dict(unused)
    return {**known, **{column: value for column, value in unused.items() if column != "meta"}}


def _parts_of(kind: RowKind) -> str:
    return f"They have: {', '.join(kind.parts)}."


def _kept(extra: Sequence[str]) -> str:
    if not extra:
        return ""
    shown = ", ".join(f"`{column}`" for column in extra[:4]) + (", …" if len(extra) > 4 else "")
    return f"; {len(extra)} column{'s' if len(extra) > 1 else ''} kept as extra: {shown}"
