"""Records become rows: each column plays its part or goes to the row's `meta`."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from app.adapters.importers.records import Record
from app.domain.mapping import ColumnMapping, apply_or_by_names
from app.domain.mapping_guess import guess_mapping
from trainer_image.rows import Refused, Row, RowError

LOOKED_AT: Final = 100
"""Records from which the mapping is guessed."""
_LOOKED_AT_CHARACTERS: Final = 4_000_000


def rows_of(
    found: Iterator[Record | Refused], mapping: ColumnMapping | None, *, is_table: bool
) -> Iterator[Row | Refused]:
    """A mapping that a person chose holds for every record; a guess gives way to a record's own names."""
    if mapping is not None and is_table:
        chosen = mapping
        return (_row(item, chosen.apply) for item in found)
    guess: ColumnMapping | None = None
    if is_table:
        first = beginning(found)
        guess = guess_mapping([item.value for item in first if isinstance(item, Record)])
        found = chain(first, found)
    return (_row(item, lambda value: apply_or_by_names(guess, value)) for item in found)


def beginning(found: Iterator[Record | Refused], count: int = LOOKED_AT) -> list[Record | Refused]:
    """The first records, fewer where they are huge."""
    first: list[Record | Refused] = []
    characters = 0
    for item in found:
        first.append(item)
        characters += len(str(item.value)) if isinstance(item, Record) else 0
        if len(first) >= count or characters > _LOOKED_AT_CHARACTERS:
            break
    return first


def _row(item: Record | Refused, apply: Any) -> Row | Refused:
    if isinstance(item, Refused):
        return item
    try:
        messages, extra = apply(item.value)
    except RowError as refusal:
        return Refused(item.line, refusal.bucket, refusal.reason)
    return Row(item.line, messages, with_source(extra, item.meta))


def with_source(columns: Mapping[str, Any], source: Mapping[str, Any]) -> Mapping[str, Any]:
    """Unused columns and what is known of the source; a column of such a name gets another one."""
    if not source:
        return columns
    renamed = {f"column {name}" if name in source else name: value for name, value in columns.items()}
    return {**renamed, **source}


def columns_of(records: Sequence[Record | Refused]) -> list[str]:
    """In the order in which they come up."""
    values = [item.value for item in records if isinstance(item, Record) and isinstance(item.value, Mapping)]
    return list(dict.fromkeys(column for value in values for column in value))
