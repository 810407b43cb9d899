"""What a site's robots.txt says (RFC 9309), read by Protego, the parser of Scrapy."""

from typing import Final

from app.adapters.scrapers.patience import PassingError
from app.domain.scraping import WebAnswer

PROGRAM: Final = "Tunewright"
_MOST_BYTES: Final = 500 * 1024
"""The RFC: at least so much must be read; what is beyond is not."""


class Robots:
    """The rules for `PROGRAM`. No file (4xx) allows everything; one that cannot be had is asked for again."""

    def __init__(self, answer: WebAnswer) -> None:
        from protego import Protego  # noqa: PLC0415 - only where a page is asked for

        if answer.status >= 500:
            raise PassingError(f"cannot send its robots.txt (code {answer.status})")
        text = answer.body[:_MOST_BYTES].decode("utf-8", "replace") if answer.status == 200 else ""
        self._rules = Protego.parse(text)

    @property
    def crawl_delay(self) -> float:
        """Seconds between two requests."""
        return float(self._rules.crawl_delay(PROGRAM) or 0.0)

    @property
    def sitemaps(self) -> list[str]:
        return [str(address) for address in self._rules.sitemaps]

    def allows(self, url: str) -> bool:
        return bool(self._rules.can_fetch(url, PROGRAM))
