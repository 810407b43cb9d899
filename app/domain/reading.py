"""What is known of a source before it is imported, and how a person wants it read."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from app.domain.mapping import ColumnMapping, MappingError, RowKind, mapping_of
from app.domain.ready_rows import ReadyRow
from trainer_image.rows import Refused, Row

PASSAGE_CHARACTERS: Final = 2000
"""Documents are cut into passages of at most this many characters: about 500 tokens of English."""
SHORTEST_PASSAGE: Final = 200


@dataclass(frozen=True)
class ReadOptions:
    mapping: ColumnMapping | None = None
    """None: guessed from the first rows; a row of another known format is then read by its own names."""
    passage_characters: int = PASSAGE_CHARACTERS


@dataclass(frozen=True)
class Reading(Iterable[Row | ReadyRow | Refused]):
    """The rows of one source, read as they are asked for."""

    rows: Iterator[Row | ReadyRow | Refused]
    unit: str = "line"
    """What `Row.line` counts: a line, a row, a passage."""
    notes: list[str] = field(default_factory=list)
    """For people, on how it was read: encoding, delimiter, what was left out. Grows while reading."""

    def __iter__(self) -> Iterator[Row | ReadyRow | Refused]:
        return self.rows


@dataclass(frozen=True)
class Preview:
    """The beginning of a source."""

    format: str
    """For people: "a CSV table"."""
    columns: Sequence[str]
    rows: Sequence[Mapping[str, Any]]
    mapping: ColumnMapping | None
    """The guess; None if nothing fits. Documents have none to choose: see `is_table`."""
    is_table: bool = True
    """Whether the columns can be given parts; else the rows are passages of documents."""
    notes: Sequence[str] = ()
    problems: Sequence[Refused] = ()
    """What was refused among the first rows."""


def mapping_chosen_in(
    preview: Preview, name: str, kind: RowKind | None, chosen: Mapping[str, str]
) -> ColumnMapping | None:
    """The guess for a source called `name`, changed by what a person chose; see `mapping_of`.

    Raises MappingError.
    """
    if not preview.is_table:
        raise MappingError(
            f"{name} is {preview.format}: it has no columns to choose.", "Import it without --map."
        )
    for column in chosen.values():
        if column and column not in preview.columns:
            names = ", ".join(preview.columns[:20])
            raise MappingError(f"{name} has no column '{column}'.", f"It has: {names}.")
    return mapping_of(kind, chosen, preview.mapping)
