"""All sources: those that come with Tunewright, and those other packages bring as entry points."""

import logging
from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import entry_points
from typing import Final

from app.adapters.scrapers.hacker_news import HackerNews
from app.adapters.scrapers.reddit import Reddit
from app.adapters.scrapers.stack_exchange import StackExchange
from app.adapters.scrapers.web_pages import WebPages
from app.domain.scraping import ENTRY_POINTS, Scraper

log = logging.getLogger(__name__)

_OWN: Final[Sequence[Callable[[], Scraper]]] = (StackExchange, Reddit, HackerNews, WebPages)


@cache
def scrapers() -> Sequence[Scraper]:
    """A source that cannot be loaded is logged and left out; of two of one kind the first counts."""
    found: dict[str, Scraper] = {scraper.kind: scraper for make in _OWN for scraper in (make(),)}
    for entry in entry_points(group=ENTRY_POINTS):
        try:
            scraper: Scraper = entry.load()()
            kind, label = scraper.kind, scraper.label
        except Exception:  # another package's mistake must not take the sources of this one with it
            log.exception("The source %s of another package cannot be used", entry.value)
            continue
        if kind in found:
            log.warning("The source %s (%s) is left out: there is a '%s' already", label, entry.value, kind)
            continue
        found[kind] = scraper
    return tuple(found.values())
