"""Brings a database file to this version, one migration a transaction, after a backup; a new one in one go.

Works on plain sqlite3, below SQLAlchemy. Several processes may open the same file at once: whoever gets the
write lock takes the next step, the others find it taken.
"""

import logging
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from app.adapters.sqlite.migrations import Migration
from app.adapters.sqlite.transactions import BUSY_TIMEOUT_SECONDS
from app.domain.errors import StoreError
from app.paths import HOME_VARIABLE

log = logging.getLogger(__name__)

_VERSION_TABLE = """
    CREATE TABLE IF NOT EXISTS schema_version (
        version INTEGER PRIMARY KEY, title TEXT NOT NULL, applied_at TEXT NOT NULL
    )
"""


def migrate(path: Path, migrations: Sequence[Migration]) -> None:
    """Raises StoreError if the file is of a newer version or another program's, sqlite3.Error if it fails."""
    with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None)) as connection:
        version = version_of(connection)
        _refuse_strangers(connection, path, version, newest=migrations[-1].number)
        if version < migrations[-1].number:
            _use_write_ahead_log(connection)
            _take_steps(connection, path, migrations)


def version_of(connection: sqlite3.Connection) -> int:
    """0 for a database without tables of ours."""
    known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'schema_version'").fetchone()
    if not known:
        return 0
    return int(connection.execute("SELECT coalesce(max(version), 0) FROM schema_version").fetchone()[0])


def _refuse_strangers(connection: sqlite3.Connection, path: Path, version: int, *, newest: int) -> None:
    if version > newest:
        raise StoreError(
            f"The database {path} was made by a newer Tunewright (its version is {version}, this one knows"
            f" up to {newest}).",
            f"Install the newest Tunewright, or set {HOME_VARIABLE} to another folder. Nothing was changed.",
        )
    # Asked in one statement: another process may be making the first tables at this moment.
    foreign = (
        "SELECT count(*) > 0 AND max(name = 'schema_version') = 0 FROM sqlite_master WHERE type = 'table'"
    )
    if connection.execute(foreign).fetchone()[0]:
        raise StoreError(
            f"{path} is a database of another program.",
            f"Move it away, or set {HOME_VARIABLE} to another folder. Nothing was changed.",
        )


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Readers never wait for writers. SQLite does not wait for its turn at this switch, so this does."""
    deadline = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            if mode != "wal":
                log.warning("The file system allows no write-ahead log; journal mode is %s", mode)
            return


def _take_steps(connection: sqlite3.Connection, path: Path, migrations: Sequence[Migration]) -> None:
    connection.execute("PRAGMA foreign_keys = OFF")  # a migration may rebuild a table others point to
    _make_new(connection, migrations)
    backup: Path | None = None
    for migration in migrations:
        with _transaction(connection):
            version = version_of(connection)
            if version >= migration.number:
                continue
            if backup is None:
                backup = _back_up(path, version)
            _take_step(connection, migration)
            log.info("Database is now version %d (%s)", migration.number, migration.title)
    _refuse_strangers(connection, path, version_of(connection), newest=migrations[-1].number)


def _make_new(connection: sqlite3.Connection, migrations: Sequence[Migration]) -> None:
    """Take an empty file to today's tables in one go, so that nobody sees, and backs up, one half made."""
    with _transaction(connection):
        if version_of(connection) == 0:
            for migration in migrations:
                _take_step(connection, migration)


def _take_step(connection: sqlite3.Connection, migration: Migration) -> None:
    migration.apply(connection)
    if broken := connection.execute("PRAGMA foreign_key_check").fetchone():
        raise sqlite3.IntegrityError(
            f"migration {migration.number} leaves a row of {broken[0]} pointing nowhere"
        )
    connection.execute(_VERSION_TABLE)
    connection.execute(
        "INSERT INTO schema_version VALUES (?, ?, ?)",
        (migration.number, migration.title, datetime.now(UTC).isoformat()),
    )


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite itself rolls back when the disk is full
            connection.execute("ROLLBACK")
        raise


def _back_up(path: Path, version: int) -> Path:
    """Copy the database as it is; the caller holds the write lock, so the copy is of that version.

    The copy appears under its name only when it is whole.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    target = path.with_name(f"{path.name}.v{version}-{stamp}.bak")
    partial = target.with_name(target.name + ".partial")
    try:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(partial)) as copy:
            source.backup(copy)
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    log.info("Backed the database up to %s", target)
    return target
