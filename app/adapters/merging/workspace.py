"""The working file of a merge: who is in, what became of each, and in which order they come out.

Beside it the database is attached, from which is only read. Rows are numbered `n` from 1 in the order of
sources, which decides who comes first wherever one of several stays; held-out rows have negative numbers.
"""

import contextlib
import logging
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from app.adapters.sqlite.faults import speaking_of
from app.domain.merge_ports import Watch
from app.domain.merging import MergeCancelledError, MergeProgress
from app.domain.ports import Processes

log = logging.getLogger(__name__)

_STEPS_BETWEEN_LOOKS: Final = 200_000
"""Instructions of SQLite, a few milliseconds, after which a long statement looks whether to stop."""
_CACHE_KIB: Final = 64 * 1024
_MAPPED_BYTES: Final = 256 * 1024**2

_TABLES: Final = (
    """
    CREATE TABLE rows (
        n INTEGER PRIMARY KEY, source INTEGER NOT NULL, position INTEGER NOT NULL, line INTEGER NOT NULL,
        hash BLOB NOT NULL, has_meta INTEGER NOT NULL, prompt BLOB, question BLOB, part INTEGER, at INTEGER
    )
    """,  # part, at: where the database has the row; nowhere for a row from outside
    # What is not in the database as it must come out: rows of files, and those with another system prompt.
    "CREATE TABLE texts (n INTEGER PRIMARY KEY, messages TEXT NOT NULL, meta TEXT NOT NULL)",
    """
    CREATE TABLE held_out (
        n INTEGER PRIMARY KEY, position INTEGER NOT NULL, hash BLOB, question BLOB, part INTEGER, at INTEGER
    )
    """,
    "CREATE TABLE fates (n INTEGER PRIMARY KEY, fate TEXT NOT NULL, other INTEGER, similarity REAL)",
    "CREATE TABLE result (seq INTEGER PRIMARY KEY, n INTEGER NOT NULL)",
    "CREATE VIEW kept AS SELECT * FROM rows WHERE n NOT IN (SELECT n FROM fates)",
    """
    CREATE TEMP VIEW full AS
    SELECT r.n, r.source, r.position, r.line, r.hash, coalesce(t.messages, s.messages) AS messages,
        coalesce(t.meta, s.meta) AS meta
    FROM rows r LEFT JOIN texts t USING (n)
    LEFT JOIN library.session_rows s ON s.session = r.part AND s.position = r.at
    """,
    """
    CREATE TEMP VIEW full_held_out AS
    SELECT h.n, -1 AS source, h.position, s.messages
    FROM held_out h JOIN library.session_rows s ON s.session = h.part AND s.position = h.at
    """,
)

_ONE_ROW: Final = "SELECT source, position, messages FROM full WHERE n = ?"
_ONE_HELD_OUT: Final = "SELECT source, position, messages FROM full_held_out WHERE n = ?"


class Workspace:
    """A connection to the working file, with a name for each thing that is asked of it."""

    def __init__(self, connection: sqlite3.Connection, watch: Watch) -> None:
        self.sql = connection
        self._watch = watch
        self._now = MergeProgress("Starting")
        self._stopped: BaseException | None = None
        connection.set_progress_handler(self._look, _STEPS_BETWEEN_LOOKS)

    def say(self, stage: str, done: int = 0, total: int = 0) -> None:
        """Tell how far it is. Raises what the watcher raises, which ends the merge."""
        self._now = MergeProgress(stage, done, total)
        self._watch(self._now)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Changes belong together only for speed: nobody reads a working file after a crash."""
        self.sql.execute("BEGIN")
        yield
        self.sql.execute("COMMIT")

    def count(self, query: str, *values: object) -> int:
        return int(self.sql.execute(query, values).fetchone()[0])

    def row(self, n: int) -> tuple[int, int, str]:
        """Source (-1: held out), position and messages of one row."""
        source, position, text = self.sql.execute(_ONE_HELD_OUT if n < 0 else _ONE_ROW, (n,)).fetchone()
        return int(source), int(position), str(text or "[]")

    @contextmanager
    def stopping(self) -> Iterator[None]:
        """A statement that was interrupted by the watcher ends with what the watcher raised."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if self._stopped is not None:
                raise self._stopped from error
            raise

    def _look(self) -> int:
        """Called inside long statements; anything but 0 interrupts them."""
        try:
            self._watch(self._now)
        except MergeCancelledError as cancelled:
            self._stopped = cancelled
            return 1
        return 0


@contextmanager
def workspace(folder: Path, database: Path, processes: Processes, watch: Watch) -> Iterator[Workspace]:
    """A new working file in `folder`, removed at the end, as are those of processes that are no more."""
    with speaking_of(folder):
        folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder, processes)
        path = folder / f"{processes.me().replace(':', '-')}-{uuid.uuid4().hex[:8]}.merge"
        try:
            with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as connection:
                _prepare(connection, database)
                work = Workspace(connection, watch)
                with work.stopping():
                    yield work
        finally:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def remove_leftovers(folder: Path, processes: Processes) -> None:
    """Working files whose process was killed."""
    for path in folder.glob("*.merge"):
        pid, started = path.name.split("-")[:2]
        if not processes.is_alive(f"{pid}:{started}"):
            log.info("Removing the working file %s of a process that is no more", path.name)
            with contextlib.suppress(OSError):
                path.unlink()


def _prepare(connection: sqlite3.Connection, database: Path) -> None:
    connection.execute("PRAGMA journal_mode = OFF")  # after a crash the file is thrown away
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    connection.execute("PRAGMA temp_store = FILE")  # sorting spills to disk, whatever the build's default
    connection.execute("ATTACH ? AS library", (str(database),))
    connection.execute(f"PRAGMA library.mmap_size = {_MAPPED_BYTES}")
    for statement in _TABLES:
        connection.execute(statement)
