"""What runs were exported to."""

import sqlite3
from typing import Final

_STATEMENTS: Final = (
    """
    CREATE TABLE exports (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        label TEXT NOT NULL,
        format TEXT NOT NULL,
        folder TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        created_at TEXT NOT NULL,
        passed BOOLEAN NOT NULL,
        verdict TEXT NOT NULL,
        owner TEXT,
        staging TEXT,
        pushed_to TEXT NOT NULL DEFAULT ''
    )
    """,
    "CREATE INDEX exports_of_run ON exports (run_id, number)",
)


def apply(connection: sqlite3.Connection) -> None:
    for statement in _STATEMENTS:
        connection.execute(statement)
