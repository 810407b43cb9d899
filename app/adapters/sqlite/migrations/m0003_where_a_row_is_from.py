"""A row keeps what is known about it beside what a model sees."""

import sqlite3


def apply(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE session_rows ADD COLUMN meta TEXT NOT NULL DEFAULT ''")
