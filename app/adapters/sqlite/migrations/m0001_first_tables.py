"""Sessions and their rows, saved setups, runs with metrics and timeline, chats, settings."""

import sqlite3
from typing import Final

_STATEMENTS: Final = (
    # held_by: the process ("pid:start time") that is still writing or deleting it; NULL once it is whole.
    """
    CREATE TABLE sessions (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        source TEXT NOT NULL,
        source_kind TEXT NOT NULL DEFAULT '',
        tags TEXT NOT NULL DEFAULT '[]',
        row_count INTEGER NOT NULL DEFAULT 0,
        content_hash TEXT NOT NULL DEFAULT '',
        created_at TEXT NOT NULL,
        held_by TEXT
    )
    """,
    # The session by its number, not its id: millions of rows carry it.
    """
    CREATE TABLE session_rows (
        session INTEGER NOT NULL REFERENCES sessions (number) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        source_line INTEGER NOT NULL,
        messages TEXT NOT NULL,
        content_hash BLOB NOT NULL,
        unmask INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (session, position)
    )
    """,
    """
    CREATE TABLE configs (
        name TEXT PRIMARY KEY,
        document TEXT NOT NULL,
        saved_at TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE runs (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        target TEXT NOT NULL,
        config TEXT NOT NULL,
        docker TEXT NOT NULL,
        folder TEXT NOT NULL,
        data_label TEXT NOT NULL,
        session_id TEXT REFERENCES sessions (id) ON DELETE SET NULL,
        status TEXT NOT NULL,
        created_at TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        stop_requested INTEGER NOT NULL,
        owner TEXT,
        handle TEXT,
        started_at TEXT,
        ended_at TEXT,
        phase TEXT NOT NULL,
        step INTEGER NOT NULL,
        total_steps INTEGER NOT NULL,
        loss REAL,
        eta_seconds REAL,
        message TEXT NOT NULL,
        hint TEXT NOT NULL,
        output TEXT,
        output_kind TEXT,
        checkpoint TEXT,
        events_offset INTEGER NOT NULL
    )
    """,
    "CREATE INDEX runs_of_session ON runs (session_id)",
    # Numbers a diverged run reports as NaN are NULL here: SQLite stores no NaN.
    """
    CREATE TABLE metrics (
        run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        step INTEGER NOT NULL,
        total_steps INTEGER NOT NULL,
        epoch REAL,
        loss REAL,
        learning_rate REAL,
        grad_norm REAL,
        tokens_per_second REAL,
        elapsed_seconds REAL,
        eta_seconds REAL,
        time TEXT NOT NULL,
        PRIMARY KEY (run_id, step)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE events (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        time TEXT NOT NULL,
        type TEXT NOT NULL,
        text TEXT NOT NULL,
        level TEXT NOT NULL,
        step INTEGER
    )
    """,
    "CREATE INDEX events_of_run ON events (run_id, number)",
    """
    CREATE TABLE chats (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        voice TEXT NOT NULL,
        prompt TEXT NOT NULL,
        answer TEXT NOT NULL,
        sampling TEXT NOT NULL,
        created_at TEXT NOT NULL
    )
    """,
    "CREATE INDEX chats_of_run ON chats (run_id, id)",
    """
    CREATE TABLE settings (
        key TEXT PRIMARY KEY,
        value TEXT NOT NULL
    )
    """,
)


def apply(connection: sqlite3.Connection) -> None:
    for statement in _STATEMENTS:
        connection.execute(statement)
