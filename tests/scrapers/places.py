"""Every source with a place to collect from on loopback, for what all of them promise alike."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from app.adapters.scrapers.hacker_news import HackerNews
from app.adapters.scrapers.reddit import Reddit
from app.adapters.scrapers.stack_exchange import StackExchange
from app.adapters.scrapers.web_pages import WebPages
from app.domain.scraping import Scraper
from tests.emulators.hacker_news import HackerNewsEmulator
from tests.emulators.reddit import RedditEmulator
from tests.emulators.server import Emulator, running
from tests.emulators.stack_exchange import StackExchangeEmulator
from tests.emulators.website import Website


@dataclass(frozen=True)
class Place:
    name: str
    make: Callable[[], Emulator]
    scraper: Callable[[Any], Scraper]
    given: Callable[[Any], Mapping[str, Any]] = field(default=lambda _: {})

    def open(self) -> AbstractContextManager[Any]:
        return running(self.make())


def _website(site: Website) -> Mapping[str, Any]:
    return {"urls": [site.page(0)], "crawl_depth": 5}


def _list(site: Website) -> Mapping[str, Any]:
    return {"urls": [site.page(n) for n in range(4)], "passage": 400}


PLACES: Sequence[Place] = (
    Place(
        "stackexchange",
        StackExchangeEmulator,
        lambda site: StackExchange(site.api, key=""),
        lambda _: {"site": "cooking", "limit": 20},
    ),
    Place("reddit", RedditEmulator, lambda s: Reddit(s.url, token=""), lambda _: {"subreddit": "harbours"}),
    Place(
        "hackernews", HackerNewsEmulator, lambda site: HackerNews(f"{site.url}/v0", f"{site.url}/api/v1"),
    ),
    Place("web-list", Website, lambda _: WebPages(), _list),
    Place("web-crawl", Website, lambda _: WebPages(), _website),
)  # fmt: skip
