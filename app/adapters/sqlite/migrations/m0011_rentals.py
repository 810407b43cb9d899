"""Rented pods, and what a run asked of one.

Rentals outlive their runs: what was spent stays known when a run is deleted, so there is no reference. Of a
pod's token only the hash is here.
"""

import sqlite3
from typing import Final

_STATEMENTS: Final = (
    "ALTER TABLE runs ADD COLUMN pod TEXT NOT NULL DEFAULT '{}'",
    """
    CREATE TABLE rentals (
        number INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        run_id TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        gpu TEXT NOT NULL,
        gpu_name TEXT NOT NULL,
        price REAL NOT NULL,
        budget REAL NOT NULL,
        created_at TEXT NOT NULL,
        train_until TEXT NOT NULL,
        ends_by TEXT NOT NULL,
        token_sha256 TEXT NOT NULL,
        folder TEXT NOT NULL,
        is_resumed BOOLEAN NOT NULL DEFAULT 0,
        is_extended BOOLEAN NOT NULL DEFAULT 0,
        resume_from TEXT NOT NULL DEFAULT '',
        passes_token BOOLEAN NOT NULL DEFAULT 0,
        state TEXT NOT NULL,
        pod_id TEXT NOT NULL DEFAULT '',
        keeper TEXT,
        wish TEXT NOT NULL DEFAULT '',
        is_started BOOLEAN NOT NULL DEFAULT 0,
        exit_code INTEGER,
        is_retrieved BOOLEAN NOT NULL DEFAULT 0,
        message TEXT NOT NULL DEFAULT '',
        hint TEXT NOT NULL DEFAULT '',
        progress TEXT NOT NULL DEFAULT '',
        trouble TEXT NOT NULL DEFAULT '',
        missed_at TEXT,
        state_since TEXT,
        ended_at TEXT
    )
    """,
    "CREATE INDEX rentals_by_run ON rentals (run_id, attempt)",
)


def apply(connection: sqlite3.Connection) -> None:
    for statement in _STATEMENTS:
        connection.execute(statement)
