"""Collecting with the real store and the real client, from sources on loopback."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from app.adapters.processes import SystemProcesses
from app.adapters.scrapers.hacker_news import HackerNews
from app.adapters.scrapers.polite_web import PoliteWeb
from app.adapters.sqlite.engine import open_database
from app.adapters.sqlite.scrapes import SqliteScrapeStore
from app.adapters.sqlite.sessions import SqliteSessionStore
from app.adapters.sqlite.settings import SqliteSettingsStore
from app.services.collecting import CollectingService
from app.services.offline import OfflineService
from app.services.settings import SettingsService
from tests.emulators.hacker_news import HackerNewsEmulator
from tests.fakes import FakeNetwork


@contextmanager
def collecting(home: Path, *sources: Any, environment: dict[str, str] | None = None) -> Iterator["Shelf"]:
    database = open_database(home / "tunewright.db")
    try:
        yield Shelf(database, sources, environment or {})
    finally:
        database.dispose()


class Shelf:
    """The service, and what it left in the database."""

    def __init__(self, database: Engine, sources: tuple[Any, ...], environment: dict[str, str]) -> None:
        processes = SystemProcesses()
        self.settings = SettingsService(SqliteSettingsStore(database))
        self.sessions = SqliteSessionStore(database, processes)
        self.store = SqliteScrapeStore(database, processes)
        self.service = CollectingService(
            lambda: sources,
            self.store,
            processes,
            self.settings,
            self._open,
            self._free_name,
            OfflineService(self.settings, FakeNetwork(environment)),
        )

    def rows(self) -> list[tuple[Any, ...]]:
        """Of the only session."""
        [session] = self.sessions.all()
        rows = list(self.sessions.rows(session.id))
        assert [row.position for row in rows] == list(range(session.row_count))
        return [(row.position, row.source_line, row.messages, row.meta) for row in rows]

    def content_hash(self) -> str:
        [session] = self.sessions.all()
        return session.content_hash

    def _free_name(self, name: str) -> str:
        return name

    def _open(self, named: Any, is_cancelled: Callable[[], bool], tell: Any, proxy: str) -> PoliteWeb:
        return PoliteWeb(named, is_cancelled=is_cancelled, tell=tell, proxy=proxy, pause=0.0)


def hacker_news(site: HackerNewsEmulator) -> HackerNews:
    return HackerNews(f"{site.url}/v0", f"{site.url}/api/v1")
