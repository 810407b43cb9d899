"""What the services need to keep what is collected from the web."""

from collections.abc import Sequence
from typing import Protocol

from app.domain.queries import Query
from app.domain.scraping import Batch, Cursor, Scrape, ScrapeId, ScrapeStatus


class ScrapeWriter(Protocol):
    """One scrape under way, held by this process."""

    @property
    def scrape(self) -> Scrape:
        """As it is stored now."""
        ...

    @property
    def cursor(self) -> Cursor:
        """Where to begin: empty for a new scrape."""
        ...

    def append(self, batch: Batch) -> Scrape:
        """Store the batch's rows at the end of the session and its cursor, in one transaction.

        The first rows make the session. A row that is there already is counted as skipped, and rows beyond
        the limit of the query are left out. Raises StoreError if the session was deleted meanwhile.
        """
        ...

    def end(self, status: ScrapeStatus, message: str = "", hint: str = "") -> Scrape: ...


class ScrapeStore(Protocol):
    """Keeps what was collected from the web, with its history."""

    def begin(self, kind: str, name: str, source: str, query: Query) -> ScrapeWriter:
        """A new scrape, running, owned by this process."""
        ...

    def resume(self, scrape: Scrape) -> ScrapeWriter:
        """Take over what has ended. Raises StudioError if its state is no longer `scrape`'s: another process
        was faster, or it was forgotten."""
        ...

    def get(self, scrape_id: ScrapeId) -> Scrape:
        """As stored: the status may be "running" though its owner is gone. Raises UnknownScrapeError."""
        ...

    def find(self, prefix: str) -> Scrape:
        """The one whose id starts with `prefix`, or whose name is it. Raises UnknownScrapeError."""
        ...

    def all(self) -> Sequence[Scrape]:
        """Newest first."""
        ...

    def forget(self, scrape_id: ScrapeId) -> None:
        """Remove it from the history; its session stays."""
        ...
