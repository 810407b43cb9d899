"""Conversations with any model, message by message."""

import sqlite3
from typing import Final

_STATEMENTS: Final = (
    """
    CREATE TABLE conversations (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        model TEXT NOT NULL,
        model_label TEXT NOT NULL,
        system TEXT NOT NULL,
        sampling TEXT NOT NULL,
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL,
        deleted_at TEXT
    )
    """,
    # A message that was rated or edited is worth learning from: `original` is what the model itself said.
    """
    CREATE TABLE conversation_messages (
        id INTEGER PRIMARY KEY,
        conversation_id INTEGER NOT NULL REFERENCES conversations (id),
        role TEXT NOT NULL,
        content TEXT NOT NULL,
        model_label TEXT NOT NULL,
        rating INTEGER NOT NULL,
        original TEXT,
        facts TEXT NOT NULL,
        created_at TEXT NOT NULL
    )
    """,
    "CREATE INDEX messages_by_conversation ON conversation_messages (conversation_id, id)",
)


def apply(connection: sqlite3.Connection) -> None:
    for statement in _STATEMENTS:
        connection.execute(statement)
