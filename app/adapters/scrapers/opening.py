"""How the app opens the web for one scrape."""

from collections.abc import Callable, Sequence

from app.adapters.scrapers.polite_web import PoliteWeb


def open_web(
    named: Sequence[str], is_cancelled: Callable[[], bool], tell: Callable[[str], None], proxy: str
) -> PoliteWeb:
    return PoliteWeb(named, is_cancelled=is_cancelled, tell=tell, proxy=proxy)
