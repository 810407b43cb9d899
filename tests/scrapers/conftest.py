"""The real polite client against emulators on loopback, with a clock that does not make a test wait."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.adapters.scrapers.patience import Clock
from app.adapters.scrapers.polite_web import PoliteWeb
from app.domain.queries import checked
from app.domain.scraping import Batch, Scraper
from trainer_image.rows import Row

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


@dataclass
class QuickClock:
    """Moves on by what somebody waits for, at once."""

    waited: list[float] = field(default_factory=list)
    now_seconds: float = 0.0

    async def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.now_seconds += seconds
        await asyncio.sleep(0)

    def clock(self) -> Clock:
        return Clock(lambda: self.now_seconds, lambda: NOON + timedelta(seconds=self.now_seconds), self.sleep)


@pytest.fixture
def clock() -> QuickClock:
    return QuickClock()


@pytest.fixture
def open_web(clock: QuickClock) -> Iterator[Callable[..., PoliteWeb]]:
    """Make a client for these places; it is closed at the end."""
    opened: list[PoliteWeb] = []

    def make(*named: str, **options: Any) -> PoliteWeb:
        chosen = {"pause": 0.0, "clock": clock.clock(), "dice": lambda: 1.0, **options}
        opened.append(PoliteWeb(named, **chosen))
        return opened[-1]

    yield make
    for web in opened:
        web.__exit__(None, None, None)


def batches(scraper: Scraper, web: PoliteWeb, cursor=None, **given: Any) -> Iterator[Batch]:
    query = checked(scraper.label, scraper.fields, given)
    return scraper.scrape(query, cursor or {}, web)


def all_rows(scraper: Scraper, web: PoliteWeb, **given: Any) -> list[Row]:
    return [row for batch in batches(scraper, web, **given) for row in batch.rows]
