"""What a run had cost on other pods when one more was ordered: its budget is for all of them together."""

import sqlite3


def apply(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE rentals ADD COLUMN spent_before REAL NOT NULL DEFAULT 0")
