"""This process's way to the network, and what the switch said before the database is opened."""

import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from trainer_image import network

SWITCH_KEY = "collecting.offline"
_PROXIES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
_THIS_COMPUTER = "localhost,127.0.0.1,::1"


class ProcessNetwork:
    """Network over the guard of `trainer_image.network`."""

    def said_by_environment(self) -> tuple[bool, str] | None:
        verdict = network.said_by_environment()
        return (verdict.offline, verdict.variable) if verdict else None

    def close(self, why: str) -> None:
        if network.reason_of_guard() != why:
            network.close(why)

    def __init__(self) -> None:
        self._proxy = ""
        self._before: dict[str, str | None] = {}

    def open(self) -> None:
        network.open_again()

    def go_through(self, proxy: str) -> None:
        if proxy == self._proxy:
            return
        for name, value in self._before.items():
            _put(name, value)
        self._before, self._proxy = {}, proxy
        if proxy:
            direct = ",".join(filter(None, [os.environ.get("NO_PROXY", ""), _THIS_COMPUTER]))
            wanted = {**dict.fromkeys(_PROXIES, proxy), "NO_PROXY": direct, "no_proxy": direct}
            self._before = {name: os.environ.get(name) for name in wanted}
            for name, value in wanted.items():
                _put(name, value)
        if hub := sys.modules.get("huggingface_hub"):
            hub.close_session()  # it keeps a client that has read the environment


def _put(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def was_switched_on(database: Path) -> bool:
    """Whether the switch is on, read before anything else is: a start that fetches something comes first."""
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
            found = connection.execute("SELECT value FROM settings WHERE key = ?", [SWITCH_KEY]).fetchone()
    except (sqlite3.Error, ValueError):  # no database yet, or one that will be complained about when opened
        return False
    return bool(found) and found[0] == "yes"
