"""What was collected from the web, how far it is, and which session has its rows."""

import sqlite3
from typing import Final

_STATEMENTS: Final = (
    # owner: the process ("pid:start time") that is collecting; NULL once it has ended.
    """
    CREATE TABLE scrapes (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        source TEXT NOT NULL,
        query TEXT NOT NULL,
        cursor TEXT NOT NULL DEFAULT '{}',
        status TEXT NOT NULL,
        owner TEXT,
        session INTEGER REFERENCES sessions (number) ON DELETE SET NULL,
        row_count INTEGER NOT NULL DEFAULT 0,
        seen INTEGER NOT NULL DEFAULT 0,
        total INTEGER,
        skipped TEXT NOT NULL DEFAULT '{}',
        message TEXT NOT NULL DEFAULT '',
        hint TEXT NOT NULL DEFAULT '',
        started_at TEXT NOT NULL,
        ended_at TEXT
    )
    """,
    "CREATE INDEX scrapes_of_session ON scrapes (session)",
)


def apply(connection: sqlite3.Connection) -> None:
    for statement in _STATEMENTS:
        connection.execute(statement)
