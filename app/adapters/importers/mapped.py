"""Records become rows: each column plays its part or goes to the row's `meta`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from app.adapters.importers.records import Item, value_of
from app.domain.mapping import ColumnMapping, RowKind, apply_or_by_names
from app.domain.mapping_guess import guess_mapping
from app.domain.ready_rows import ReadyRow
from trainer_image.rows import Message, Refused, Row, RowError

LOOKED_AT: Final = 100
"""Records from which the mapping is guessed."""
_LOOKED_AT_CHARACTERS: Final = 4_000_000

_Apply = Callable[[Any], tuple[tuple[Message, ...], Mapping[str, Any]]]


def rows_of(
    found: Iterator[Item], mapping: ColumnMapping | None, *, is_table: bool
) -> Iterator[Row | ReadyRow | Refused]:
    """A mapping that a person chose holds for every record; a guess gives way to a record's own names."""
    if mapping is not None and is_table:
        chosen = mapping
        return (_row(item, chosen.apply) for item in found)
    guess: ColumnMapping | None = None
    if is_table:
        first = beginning(found)
        guess = guess_mapping([value_of(item) for item in first if not isinstance(item, Refused)])
        found = chain(first, found)

    def apply(value: Any) -> tuple[tuple[Message, ...], Mapping[str, Any]]:
        return apply_or_by_names(guess, value)

    if _has_chats_elsewhere(guess):
        return (_row(item, apply) for item in found)
    return (item if type(item) is ReadyRow else _row(item, apply) for item in found)


def beginning(found: Iterator[Item], count: int = LOOKED_AT) -> list[Item]:
    """The first records, fewer where they are huge."""
    first: list[Item] = []
    characters = 0
    for item in found:
        first.append(item)
        characters += 0 if isinstance(item, Refused) else len(str(item))
        if len(first) >= count or characters > _LOOKED_AT_CHARACTERS:
            break
    return first


def _has_chats_elsewhere(guess: ColumnMapping | None) -> bool:
    """Whether the column `messages` plays another part than that of a conversation."""
    return (
        guess is not None
        and "messages" in guess.columns.values()
        and guess.kind not in (RowKind.CHAT, RowKind.SHAREGPT)
    )


def _row(item: Item, apply: _Apply) -> Row | Refused:
    if isinstance(item, Refused):
        return item
    try:
        messages, extra = apply(value_of(item))
    except RowError as refusal:
        return Refused(item.line, refusal.bucket, refusal.reason)
    return Row(item.line, messages, with_source(extra, item.meta))


def with_source(columns: Mapping[str, Any], source: Mapping[str, Any]) -> Mapping[str, Any]:
    """Unused columns and what is known of the source; a column of such a name gets another one."""
    if not source:
        return columns
    renamed = {f"column {name}" if name in source else name: value for name, value in columns.items()}
    return {**renamed, **source}


def columns_of(values: Sequence[Any]) -> list[str]:
    """In the order in which they come up."""
    return list(dict.fromkeys(column for value in values if isinstance(value, Mapping) for column in value))
