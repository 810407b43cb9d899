"""Measurements and samples keep their numbers and texts; metrics know about the GPU."""

import sqlite3
from typing import Final

_STATEMENTS: Final = (
    "ALTER TABLE events ADD COLUMN detail TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX events_by_type ON events (run_id, type, number)",
    "ALTER TABLE metrics ADD COLUMN gpu_memory_gb REAL",
    "ALTER TABLE metrics ADD COLUMN gpu_utilisation REAL",
)


def apply(connection: sqlite3.Connection) -> None:
    for statement in _STATEMENTS:
        connection.execute(statement)
