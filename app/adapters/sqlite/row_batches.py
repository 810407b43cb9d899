"""Rows on their way into the database: made ready by one thread, written by another, batch after batch.

Each batch is a short transaction of its own, so no other writer waits long. SQLite lets Python's other
threads run while it writes; statements of many rows keep it at that.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from typing import Final

from sqlalchemy import Engine

from app.adapters.sqlite.row_text import ContentHash, meta_to_text, to_text
from app.adapters.sqlite.transactions import file_of, writing
from app.domain.errors import StoreError
from app.domain.ready_rows import ReadyRow
from app.domain.sessions import StoredRow
from app.domain.sizes import sized
from trainer_image.rows import Row

BATCH_ROWS: Final = 2_000
BATCH_CHARACTERS: Final = 8_000_000
"""A batch is written when it has as many rows or as much text, whichever is first."""

SPARE_BYTES: Final = 64_000_000
"""So much of the disk is left alone: on a full one SQLite cannot even take back what it has written, and runs
could not save their models."""

_ROWS_AT_ONCE: Final = 150
"""SQLite before 3.32 takes 999 values a statement."""
_INSERT: Final = (
    "INSERT INTO session_rows (session, position, source_line, messages, content_hash, meta) VALUES "
)
_ONE: Final = "(?, ?, ?, ?, ?, ?)"
_INSERT_ONE: Final = _INSERT + _ONE
_INSERT_MANY: Final = _INSERT + ", ".join([_ONE] * _ROWS_AT_ONCE)

Staged = tuple[int, int, int, str, bytes, str]
"""One row's values."""


def store_rows(
    engine: Engine,
    number: int,
    rows: Iterator[Row | ReadyRow] | Iterator[StoredRow],
    content: ContentHash,
    progress: Callable[[int], None] | None,
) -> int:
    """Write the rows of session `number`; returns how many. `progress` is told after each batch, and here.

    While a batch is written, the next is made ready. What `rows`, `progress` or the database raises is raised
    when no batch is under way any more.
    """
    count = 0
    with ThreadPoolExecutor(1, "row-writer") as writer:
        under_way: Future[int] | None = None
        for batch in _batches(number, rows, content):
            count = _landed(under_way, count, progress)
            under_way = writer.submit(_write, engine, batch)
        return _landed(under_way, count, progress)


def _landed(under_way: Future[int] | None, count: int, progress: Callable[[int], None] | None) -> int:
    if under_way is None:
        return count
    count += under_way.result()
    if progress is not None:
        progress(count)
    return count


def _write(engine: Engine, batch: list[Staged]) -> int:
    _refuse_to_fill_the_disk(engine)
    whole = len(batch) - len(batch) % _ROWS_AT_ONCE
    with writing(engine) as connection:
        for first in range(0, whole, _ROWS_AT_ONCE):
            values = tuple(chain.from_iterable(batch[first : first + _ROWS_AT_ONCE]))
            connection.exec_driver_sql(_INSERT_MANY, values)
        if rest := batch[whole:]:
            connection.exec_driver_sql(_INSERT_ONE, rest)
    return len(batch)


def _refuse_to_fill_the_disk(engine: Engine) -> None:
    """Pages of the file that hold nothing any more count as room."""
    file = file_of(engine)
    with engine.connect() as connection:
        pages, size = (
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("freelist_count", "page_size")
        )
    free = shutil.disk_usage(file.parent).free
    if free + pages * size < SPARE_BYTES:
        raise StoreError(
            f"Only {sized(free)} are left on the disk for {file}.",
            "Nothing was stored. Make room, then try again.",
        )


def _batches(
    number: int, rows: Iterator[Row | ReadyRow] | Iterator[StoredRow], content: ContentHash
) -> Iterator[list[Staged]]:
    """Rows ready to insert, numbered from 0; everything slow is done here, while nobody is locked out."""
    batch: list[Staged] = []
    characters = 0
    sha, add = hashlib.sha256, content.add_encoded
    for position, row in enumerate(rows):
        known: bytes | None = None
        if isinstance(row, ReadyRow):
            line, text, meta = row.line, row.text, ""
        elif isinstance(row, tuple):
            line, text, known, meta = row
        else:
            line, text, meta = row.line, to_text(row.messages), meta_to_text(row.meta)
        encoded = text.encode()
        add(encoded)
        batch.append((number, position, line, text, known or sha(encoded).digest(), meta))
        characters += len(text) + len(meta)
        if len(batch) >= BATCH_ROWS or characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
