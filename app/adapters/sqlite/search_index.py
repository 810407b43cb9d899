"""The index that finds a few letters among millions of rows: a file of its own beside the database.

It holds, for every three letters in a row, which rows have them (SQLite's FTS5, tokenizer `trigram`), and not
the text itself. So it names candidates; whoever asks looks at each. All of it can be made again: the file may
be deleted at any time. Rows never change, so nothing in it goes stale.
"""

import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock, local
from typing import Final

from app.adapters.sqlite.faults import speaking_of
from app.adapters.sqlite.transactions import BUSY_TIMEOUT_SECONDS

log = logging.getLogger(__name__)

SHORTEST: Final = 3
"""Letters: fewer have no entry in the index."""
_MOST_TRIGRAMS: Final = 24
"""Asked for at once; the rest of a long text is left to whoever looks at the candidates."""
_PLACES: Final = 1 << 32
"""Entries are numbered part × 2^32 + place of the row in the part."""

_TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS parts (part INTEGER PRIMARY KEY, id TEXT NOT NULL, rows INTEGER NOT NULL)",
    "CREATE VIRTUAL TABLE IF NOT EXISTS letters"
    " USING fts5(text, content='', detail='none', tokenize='trigram')",
)


class SearchIndex:
    """May be used from any thread and by several processes. Without FTS5 it stays empty and says why."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._own = local()
        self._is_made = False
        self.problem = ""

    def rows_done(self, part: int, part_id: str) -> int:
        """How many rows of a part are in it, from the first on."""
        with self._open() as connection:
            found = (
                connection
                and connection.execute("SELECT id, rows FROM parts WHERE part = ?", (part,)).fetchone()
            )
        return int(found[1]) if found and found[0] == part_id else 0

    def add(self, part: int, part_id: str, first: int, texts: Sequence[str]) -> None:
        """The texts of rows `first` and on; does nothing if another process has added them meanwhile."""
        with self._open() as connection:
            if connection is None:
                return
            connection.execute("BEGIN IMMEDIATE")
            try:
                if self._is_next(connection, part, part_id, first):
                    connection.executemany(
                        "INSERT INTO letters (rowid, text) VALUES (?, ?)",
                        ((part * _PLACES + place, text) for place, text in enumerate(texts, start=first)),
                    )
                    connection.execute(
                        "INSERT OR REPLACE INTO parts VALUES (?, ?, ?)", (part, part_id, first + len(texts))
                    )
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def candidates(self, text: str, part: int, first: int, end: int, limit: int) -> list[int]:
        """Places of rows of a part, between `first` and `end`, that may say `text`; ascending."""
        wanted = [text[at : at + 3] for at in range(len(text) - 2)]
        asked = " AND ".join(
            f'"{_quoted(letters)}"' for letters in list(dict.fromkeys(wanted))[:_MOST_TRIGRAMS]
        )
        with self._open() as connection:
            if connection is None:
                return []
            found = connection.execute(
                "SELECT rowid FROM letters WHERE letters MATCH ? AND rowid >= ? AND rowid < ?"
                " ORDER BY rowid LIMIT ?",
                (asked, part * _PLACES + first, part * _PLACES + end, limit),
            )
            return [rowid % _PLACES for (rowid,) in found]

    def can_find(self, text: str) -> bool:
        if self.problem or len(text) < SHORTEST or "\0" in text:
            return False
        try:
            text.encode()
        except UnicodeEncodeError:  # half an emoji
            return False
        return True

    def _is_next(self, connection: sqlite3.Connection, part: int, part_id: str, first: int) -> bool:
        found = connection.execute("SELECT id, rows FROM parts WHERE part = ?", (part,)).fetchone()
        if found and found[0] != part_id:  # the database was put back from a backup
            self._forget(connection)
            found = None
        return first == (found[1] if found else 0)

    def _forget(self, connection: sqlite3.Connection) -> None:
        connection.execute("DROP TABLE letters")
        connection.execute("DROP TABLE parts")
        for statement in _TABLES:
            connection.execute(statement)

    @contextmanager
    def held(self) -> Iterator[None]:
        """What this thread asks within is asked on one connection: opening one takes a millisecond."""
        with self._open() as connection:
            self._own.connection = connection
            try:
                yield
            finally:
                self._own.connection = None

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection | None]:
        """None where there can be no index; the reason is in `problem`. Raises StoreError."""
        held: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if self.problem or held is not None:
            yield held
            return
        with speaking_of(self._path):
            connection = sqlite3.connect(self._path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None)
            try:
                yield connection if self._make(connection) else None
            finally:
                connection.close()

    def _make(self, connection: sqlite3.Connection) -> bool:
        with self._lock:
            if self._is_made:
                return True
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                for statement in _TABLES:
                    connection.execute(statement)
            except sqlite3.DatabaseError as error:
                log.warning("There is no search index: %s", error)
                self.problem = f"the index for quick searching cannot be made ({error})"
                return False
            self._is_made = True
            return True


def _quoted(letters: str) -> str:
    return letters.replace('"', '""')
