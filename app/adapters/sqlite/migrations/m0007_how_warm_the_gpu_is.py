"""Metrics know how warm the GPU is."""

import sqlite3


def apply(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE metrics ADD COLUMN gpu_temperature REAL")
