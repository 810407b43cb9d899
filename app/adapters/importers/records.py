"""What formats make of a file, before anybody knows which column plays which part."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.adapters.importers.opening import Opened
from app.domain.ready_rows import ReadyRow
from trainer_image.rows import Refused


@dataclass(frozen=True, slots=True)
class Record:
    line: int
    """Line, row or passage in its file, from 1."""
    value: Any
    """As JSON has it."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    """What the format knows besides: file, page, title, author."""


Item = Record | ReadyRow | Refused
"""A `ReadyRow` is a record that is a plain chat, and a row already."""

Found = Generator[Item, None, None]


def value_of(item: Record | ReadyRow) -> Any:
    return item.value if isinstance(item, Record) else {"messages": list(item.messages)}


@dataclass(frozen=True)
class Format:
    """How one kind of file is read."""

    name: str
    """With its article, for people."""
    read: Callable[[Opened, int], Found]
    """Given the file and the size of passages; may add to `Opened.notes`."""
    unit: str = "row"
    is_table: bool = True
