"""A version's rows as ranges of rows in parts: how they are found, read and put together anew.

Rows are written once and never changed, so versions share them: a change of one row of a million writes one
row and three ranges.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, Connection, RowMapping, func, select

from app.adapters.sqlite.schema import session_rows, session_versions, sessions, version_ranges


@dataclass(frozen=True)
class Range:
    """Rows `first` to `first + length` of a part, standing at `position` of a version."""

    position: int
    part: int
    first: int
    length: int

    @property
    def end(self) -> int:
        return self.position + self.length

    def cut(self, start: int, end: int) -> "Range":
        """The rows of it that stand between the positions `start` and `end`; they must overlap."""
        start, end = max(start, self.position), min(end, self.end)
        return Range(start, self.part, self.first + start - self.position, end - start)


@dataclass(frozen=True)
class VersionRecord:
    """Where the rows of a version are to be found."""

    session: int
    """Number of the session."""
    row_count: int
    number: int | None
    """In `session_versions`; None for a session that is as it was imported."""


def version_record(connection: Connection, session_id: str, version: int | None) -> VersionRecord | None:
    """The newest version, or that one; None if there is no such session or version."""
    query = select(sessions.c.number, sessions.c.version, sessions.c.row_count).where(
        sessions.c.id == session_id, sessions.c.held_by.is_(None), sessions.c.is_part.is_(False)
    )
    session = connection.execute(query).one_or_none()
    if session is None:
        return None
    wanted = session.version if version is None else version
    found = connection.execute(
        select(session_versions.c.number, session_versions.c.row_count).where(
            session_versions.c.session == session.number, session_versions.c.version == wanted
        )
    ).one_or_none()
    if found is not None:
        return VersionRecord(session.number, found.row_count, found.number)
    return VersionRecord(session.number, session.row_count, None) if wanted == session.version == 1 else None


def ranges_of(
    connection: Connection, version: VersionRecord, start: int = 0, end: int | None = None
) -> list[Range]:
    """The ranges that hold the positions `start` to `end`, in order, cut to them."""
    end = version.row_count if end is None else min(end, version.row_count)
    if start >= end:
        return []
    if version.number is None:
        return [Range(0, version.session, 0, version.row_count).cut(start, end)]
    table = version_ranges.c
    holds_start = (
        select(func.max(table.position))
        .where(table.version == version.number, table.position <= start)
        .scalar_subquery()
    )
    query = (
        select(table.position, table.part, table.first, table.length)
        .where(table.version == version.number, table.position >= holds_start, table.position < end)
        .order_by(table.position)
    )
    return [Range(*record).cut(start, end) for record in connection.execute(query)]


def read(
    connection: Connection, ranges: Iterable[Range], *, only: ColumnElement[bool] | None = None
) -> Iterator[tuple[int, RowMapping]]:
    """Each row of the ranges (`only` those for which that holds) with its position, as its table has it."""
    for piece in ranges:
        query = (
            select(session_rows)
            .where(
                session_rows.c.session == piece.part,
                session_rows.c.position >= piece.first,
                session_rows.c.position < piece.first + piece.length,
            )
            .order_by(session_rows.c.position)
        )
        if only is not None:
            query = query.where(only)
        shift = piece.position - piece.first
        for record in connection.execute(query).mappings():
            yield record["position"] + shift, record


class Splice:
    """Puts a new list of ranges together out of pieces of an old one and of new rows."""

    def __init__(self, old: Sequence[Range]) -> None:
        self._old = old
        self._at = 0
        self.ranges: list[Range] = []

    @property
    def end(self) -> int:
        """Rows so far."""
        return self.ranges[-1].end if self.ranges else 0

    def keep(self, start: int, end: int) -> None:
        """Take over what stood at the old positions `start` to `end`. Calls go forward only."""
        for piece in self.old_between(start, end):
            self.put(piece.part, piece.first, piece.length)

    def old_between(self, start: int, end: int) -> list[Range]:
        found: list[Range] = []
        while start < end and self._at < len(self._old):
            piece = self._old[self._at]
            if piece.end > start:
                if piece.position >= end:
                    break
                found.append(piece.cut(start, end))
                if piece.end > end:
                    break
            self._at += 1
        return found

    def put(self, part: int, first: int, length: int = 1) -> None:
        last = self.ranges[-1] if self.ranges else None
        if last is not None and last.part == part and last.first + last.length == first:
            self.ranges[-1] = replace(last, length=last.length + length)
        else:
            self.ranges.append(Range(self.end, part, first, length))
