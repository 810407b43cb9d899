"""A run's place in the queue, its GPU, where it comes from, and what a person wrote about it."""

import sqlite3
from typing import Final

_STATEMENTS: Final = (
    "ALTER TABLE runs ADD COLUMN queue_position INTEGER",
    "ALTER TABLE runs ADD COLUMN gpu INTEGER",
    # The other run may have been deleted: no reference.
    "ALTER TABLE runs ADD COLUMN cloned_from TEXT",
    "ALTER TABLE runs ADD COLUMN note TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE runs ADD COLUMN origin TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX runs_by_status ON runs (status)",
)


def apply(connection: sqlite3.Connection) -> None:
    for statement in _STATEMENTS:
        connection.execute(statement)
