"""The only two ways to use the database: `reading` and `writing`.

Python's sqlite3 begins transactions late and by guessing, so it is told not to (`isolation_level = None`)
and SQLAlchemy's begin sends the statement itself: BEGIN IMMEDIATE for writers, who then never find at
their first write that another process was faster, and plain BEGIN for readers, who never wait.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL

from app.adapters.sqlite.faults import speaking_of

BUSY_TIMEOUT_SECONDS: Final = 15.0
"""How long a writer waits for another one; the longest transaction, a batch of rows, takes a fraction."""

_IS_WRITER: Final = "tunewright_is_writer"


def connect(path: Path) -> Engine:
    """An engine whose connections are set up as this module says. The file must be migrated already."""
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=str(path)), connect_args={"timeout": BUSY_TIMEOUT_SECONDS}
    )
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent view of the database. Raises StoreError."""
    with speaking_of(file_of(engine)), engine.begin() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """All of it or nothing, alone: no other writer runs meanwhile. Raises StoreError."""
    writer = engine.execution_options(**{_IS_WRITER: True})
    with speaking_of(file_of(engine)), writer.begin() as connection:
        yield connection


def file_of(engine: Engine) -> Path:
    return Path(engine.url.database or "")


def _set_up(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    # In WAL mode a power cut may lose the last commits, never consistency.
    connection.execute("PRAGMA synchronous = NORMAL")


def _begin(connection: Connection) -> None:
    writer = connection.get_execution_options().get(_IS_WRITER, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")
