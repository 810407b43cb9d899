"""This process's way to the network, and what the switch said before the database is opened."""

import sqlite3
from contextlib import closing
from pathlib import Path

from trainer_image import network

SWITCH_KEY = "collecting.offline"


class ProcessNetwork:
    """Network over the guard of `trainer_image.network`."""

    def said_by_environment(self) -> tuple[bool, str] | None:
        verdict = network.said_by_environment()
        return (verdict.offline, verdict.variable) if verdict else None

    def close(self, why: str) -> None:
        if network.reason_of_guard() != why:
            network.close(why)

    def open(self) -> None:
        network.open_again()


def was_switched_on(database: Path) -> bool:
    """Whether the switch is on, read before anything else is: a start that fetches something comes first."""
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
            found = connection.execute("SELECT value FROM settings WHERE key = ?", [SWITCH_KEY]).fetchone()
    except (sqlite3.Error, ValueError):  # no database yet, or one that will be complained about when opened
        return False
    return bool(found) and found[0] == "yes"
