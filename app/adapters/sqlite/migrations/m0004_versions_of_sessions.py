"""Sessions have versions, can be brought back after a delete, and runs name the version they saw.

Rows are never changed. A version is a list of ranges of rows; the rows lie in *parts*: what a session was
imported as, or what one change added (`is_part`: nobody sees it as a session). A version without a record in
`session_versions` is the import itself.
"""

import sqlite3
from typing import Final

_STATEMENTS: Final = (
    "ALTER TABLE sessions ADD COLUMN version INTEGER NOT NULL DEFAULT 1",
    "ALTER TABLE sessions ADD COLUMN deleted_at TEXT",
    "ALTER TABLE sessions ADD COLUMN is_part INTEGER NOT NULL DEFAULT 0",
    """
    CREATE TABLE session_versions (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        session INTEGER NOT NULL REFERENCES sessions (number) ON DELETE CASCADE,
        version INTEGER NOT NULL,
        row_count INTEGER NOT NULL,
        content_hash TEXT NOT NULL,
        created_at TEXT NOT NULL,
        summary TEXT NOT NULL,
        UNIQUE (session, version)
    )
    """,
    # Rows `first` to `first + length` of `part` stand at `position` of the version.
    """
    CREATE TABLE version_ranges (
        version INTEGER NOT NULL REFERENCES session_versions (number) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        part INTEGER NOT NULL REFERENCES sessions (number),
        first INTEGER NOT NULL,
        length INTEGER NOT NULL,
        PRIMARY KEY (version, position)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX ranges_of_part ON version_ranges (part)",
    "ALTER TABLE runs ADD COLUMN session_version INTEGER",
    "ALTER TABLE runs ADD COLUMN content_hash TEXT NOT NULL DEFAULT ''",
)


def apply(connection: sqlite3.Connection) -> None:
    for statement in _STATEMENTS:
        connection.execute(statement)
