"""Collecting rows from the web: what a source is asked, how far it got, and what came of it.

A source is a `Scraper`. Other packages add theirs by an entry point of the group `tunewright.scrapers` that
names something to call without arguments; it returns a `Scraper`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NewType, Protocol

from app.domain.errors import StudioError
from app.domain.queries import LIMIT, Field, Query, number_in
from app.domain.sessions import SessionId
from trainer_image.rows import Row

ENTRY_POINTS: Final = "tunewright.scrapers"

ScrapeId = NewType("ScrapeId", str)

Cursor = Mapping[str, Any]
"""Where a source goes on, as JSON that it alone understands; empty at the beginning."""


class ScrapeError(StudioError):
    """A source cannot answer; what was collected before is kept, and the scrape can be resumed."""


class UnreachableError(ScrapeError):
    """A host cannot be connected to at all: it is gone, or the network is."""


class BrokenAnswerError(ScrapeError):
    """One address gives nothing usable, however often it is asked; others of the same host may."""


class ForbiddenByRobotsError(ScrapeError):
    """The site asks programs to stay away from this address."""


class ScrapeCancelledError(StudioError):
    """The person cancelled; what was collected is kept."""

    def __init__(self) -> None:
        super().__init__("Collecting was cancelled.", "Resume goes on where it stopped.")


class UnknownScrapeError(StudioError):
    """There is no such scrape."""


@dataclass(frozen=True)
class Batch:
    """What one step of a source brought. Its rows and its cursor are stored together or not at all."""

    rows: tuple[Row, ...]
    cursor: Cursor
    """Where the next step begins."""
    seen: int = 0
    """Items (questions, posts, pages) this step dealt with, whatever became of them."""
    total: int | None = None
    """How many items there are in all, where the source says so."""
    skipped: Mapping[str, int] = field(default_factory=dict)
    """Items that made no row, counted by the reason."""
    is_last: bool = False


@dataclass(frozen=True)
class WebAnswer:
    """What a host answered in the end: anything but codes that pass (408, 429, 5xx)."""

    url: str
    """Where it came from in the end."""
    status: int
    headers: Mapping[str, str]
    """Names in small letters."""
    body: bytes


class Web(Protocol):
    """Polite access to the web for a `Scraper`: one request at a time.

    Waits between requests to one host, tries again after what passes (429, 5xx, broken connections), obeys
    Retry-After, limits sizes and redirects, and asks no private address but those the person named. Every
    method may raise ScrapeCancelledError at any moment, and when it gives up UnreachableError,
    BrokenAnswerError or another ScrapeError.
    """

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        obeys_robots: bool = False,
    ) -> WebAnswer:
        """With `obeys_robots` the host's robots.txt is asked first, its Crawl-delay kept, and a forbidden
        address raises ForbiddenByRobotsError; so does one that a redirect leads to."""
        ...

    def get_json(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Code and content. JSON that is cut off is asked for again like a broken connection; content that
        is none is None for other codes than 200."""
        ...

    def wait(self, seconds: float, reason: str) -> None:
        """Because the source asked for it in its own words. Raises ScrapeError if that is too long."""
        ...


class Scraper(Protocol):
    """A source of rows on the web. Keeps no state of its own between calls."""

    @property
    def kind(self) -> str:
        """Short name: the word of the command line, and what is stored. Never changes."""
        ...

    @property
    def label(self) -> str: ...

    @property
    def about(self) -> str:
        """A sentence: what becomes a row, and whose terms apply."""
        ...

    @property
    def fields(self) -> Sequence[Field]: ...

    def asks(self, query: Query) -> Sequence[str]:
        """The hosts (with port, if it is not the usual one) that this query would ask.

        Raises WrongQueryError if the fields do not fit together.
        """
        ...

    def title(self, query: Query) -> str:
        """Names what is asked for, for the history and as the name of the session."""
        ...

    def scrape(self, query: Query, cursor: Cursor, web: Web) -> Iterator[Batch]:
        """From `cursor` on, in order. The same answers of the web give the same rows from every cursor that
        an earlier call returned. Raises ScrapeError."""
        ...


class ScrapeStatus(StrEnum):
    RUNNING = "running"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    """The program that was collecting is gone."""

    @property
    def can_resume(self) -> bool:
        return self in (ScrapeStatus.CANCELLED, ScrapeStatus.FAILED, ScrapeStatus.INTERRUPTED)


@dataclass(frozen=True)
class Scrape:
    """One collecting of rows: what was asked, how far it is, and the session that has its rows."""

    id: ScrapeId
    kind: str
    name: str
    """Of the scrape, and of its session at first."""
    source: str
    """What was asked of whom, for people."""
    query: Query
    status: ScrapeStatus
    started_at: datetime
    owner: str | None = None
    """The process that collects now, as `Processes` names it."""
    session_id: SessionId | None = None
    """None before the first row, and once the session was deleted."""
    row_count: int = 0
    """Rows it brought in all, also if some were deleted since."""
    seen: int = 0
    total: int | None = None
    skipped: Mapping[str, int] = field(default_factory=dict)
    message: str = ""
    hint: str = ""
    ended_at: datetime | None = None

    @property
    def limit(self) -> int:
        return number_in(self.query, LIMIT.name)

    @property
    def skipped_count(self) -> int:
        return sum(self.skipped.values())


@dataclass(frozen=True)
class Pace:
    """How one scrape goes since it was last started; what an ETA is made of."""

    rows: int
    seen: int
    seconds: float


def eta_seconds(scrape: Scrape, pace: Pace) -> float | None:
    """When it will be done at the pace so far: at its limit of rows or at the end of what there is, whichever
    comes first. None while nobody can know."""
    candidates = []
    if pace.rows and pace.seconds > 0:
        candidates.append((scrape.limit - scrape.row_count) * pace.seconds / pace.rows)
    if scrape.total is not None and pace.seen and pace.seconds > 0:
        candidates.append((scrape.total - scrape.seen) * pace.seconds / pace.seen)
    return max(0.0, min(candidates)) if candidates else None
