"""Merges: a recipe, and what came of it when it was last run."""

import sqlite3
from typing import Final

_STATEMENTS: Final = (
    """
    CREATE TABLE merges (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        recipe TEXT NOT NULL,
        saved_at TEXT NOT NULL,
        result TEXT
    )
    """,
)


def apply(connection: sqlite3.Connection) -> None:
    for statement in _STATEMENTS:
        connection.execute(statement)
