"""Which rows are on the screen: all of them page by page, or those that match."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from app.domain.finding import RowFilter
from app.domain.sessions import Session, SessionRow
from app.services.library import LibraryService
from app.ui.long_work import Tell
from app.ui.texts import text

PAGE_ROWS: Final = 25


@dataclass(frozen=True)
class Place:
    """What is asked for."""

    start: int = 0
    wanted: RowFilter = field(default_factory=RowFilter)
    before: tuple[int, ...] = ()
    """Where the pages of hits before this one began."""


@dataclass(frozen=True)
class Page:
    """What was found there."""

    place: Place = field(default_factory=Place)
    rows: Sequence[SessionRow] = ()
    next_start: int | None = None
    """Where the next hits are looked for."""
    is_loaded: bool = False
    """Whether this was looked for at all."""
    session: Session | None = None
    """As it was then: what is changed is changed in the rows a person saw, not in those that came after."""


def load(library: LibraryService, session: Session, place: Place, tell: Tell[str]) -> Page:
    if place.wanted.is_empty:
        found = library.rows(session.id, start=place.start, limit=PAGE_ROWS, version=session.version)
        return Page(place, found, is_loaded=True, session=session)
    hits = library.editing.find(
        session.id,
        place.wanted,
        start=place.start,
        limit=PAGE_ROWS,
        version=session.version,
        tick=lambda at: tell(text("data.rows.looking", row=at, total=session.row_count)),
    )
    return Page(place, hits.rows, hits.next_start, is_loaded=True, session=session)
