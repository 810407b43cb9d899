"""Collected datasets. How a session comes and goes in batches is told in `leftovers`."""

import logging
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Final

from sqlalchemy import Engine, insert, select, update

from app.adapters.sqlite.finding import the_one
from app.adapters.sqlite.leftovers import remove_session
from app.adapters.sqlite.row_batches import store_rows
from app.adapters.sqlite.row_text import (
    ContentHash,
    from_text,
    meta_from_text,
)
from app.adapters.sqlite.schema import session_rows, sessions
from app.adapters.sqlite.transactions import reading, writing
from app.domain.errors import StoreError, UnknownSessionError
from app.domain.ports import Processes
from app.domain.ready_rows import ReadyRow
from app.domain.sessions import Session, SessionId, SessionRow
from trainer_image.rows import Row

log = logging.getLogger(__name__)

READ_ROWS: Final = 1_000


class SqliteSessionStore:
    """SessionStore on SQLite. Every method may be called from any thread."""

    def __init__(
        self,
        engine: Engine,
        processes: Processes,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine = engine
        self._processes = processes
        self._clock = clock

    def add(
        self,
        name: str,
        source: str,
        rows: Iterator[Row | ReadyRow],
        *,
        progress: Callable[[int], None] | None = None,
    ) -> Session:
        """`progress` is told the number of rows stored so far after each batch."""
        number = self._stage(name, source)
        try:
            content = ContentHash()
            count = store_rows(self._engine, number, rows, content, progress)
            return self._publish(number, count, content.hexdigest())
        except BaseException:
            self._discard(number)
            raise

    def all(self) -> Sequence[Session]:
        query = _WHOLE.order_by(sessions.c.created_at.desc(), sessions.c.number.desc())
        with reading(self._engine) as connection:
            return [Session(**record) for record in connection.execute(query).mappings()]

    def get(self, session_id: SessionId) -> Session:
        with reading(self._engine) as connection:
            query = _WHOLE.where(sessions.c.id == session_id)
            record = connection.execute(query).mappings().one_or_none()
        if record is None:
            raise _unknown(session_id)
        return Session(**record)

    def find(self, prefix: str) -> Session:
        return the_one(self.all(), prefix, "session", UnknownSessionError)

    def rows(
        self, session_id: SessionId, *, start: int = 0, limit: int | None = None
    ) -> Iterator[SessionRow]:
        """Raises UnknownSessionError at once, and StoreError if the session is deleted while it is read."""
        session = self.get(session_id)
        end = session.row_count if limit is None else min(session.row_count, start + limit)
        pages = range(max(start, 0), end, READ_ROWS)
        return chain.from_iterable(self._page(session, first, min(first + READ_ROWS, end)) for first in pages)

    def rename(self, session_id: SessionId, name: str) -> Session:
        change = update(sessions).where(sessions.c.id == session_id, sessions.c.held_by.is_(None))
        with writing(self._engine) as connection:
            connection.execute(change.values(name=name))
        return self.get(session_id)

    def delete(self, session_id: SessionId) -> None:
        """Runs that used it no longer name it."""
        hide = (
            update(sessions)
            .where(sessions.c.id == session_id, sessions.c.held_by.is_(None))
            .values(held_by=self._processes.me())
            .returning(sessions.c.number)
        )
        with writing(self._engine) as connection:
            number = connection.execute(hide).scalar_one_or_none()
        if number is None:
            raise _unknown(session_id)
        remove_session(self._engine, number)

    def _stage(self, name: str, source: str) -> int:
        values = {
            "id": uuid.uuid4().hex[:12],
            "name": name,
            "source": source,
            "created_at": self._clock(),
            "held_by": self._processes.me(),
        }
        with writing(self._engine) as connection:
            number: int = connection.execute(
                insert(sessions).returning(sessions.c.number), values
            ).scalar_one()
        return number

    def _publish(self, number: int, count: int, content_hash: str) -> Session:
        whole = (
            update(sessions)
            .where(sessions.c.number == number)
            .values(row_count=count, content_hash=content_hash, held_by=None)
            .returning(*_COLUMNS)
        )
        with writing(self._engine) as connection:
            return Session(**connection.execute(whole).mappings().one())

    def _discard(self, number: int) -> None:
        """If that fails too (a full disk), the next opening of the database does it."""
        try:
            remove_session(self._engine, number)
        except StoreError as error:
            log.warning("Session number %d stays unfinished for now: %s", number, error)

    def _page(self, session: Session, first: int, end: int) -> list[SessionRow]:
        """Rows `first`..`end` in one short transaction: a slow reader keeps nobody from tidying up."""
        query = (
            select(
                session_rows.c.position,
                session_rows.c.source_line,
                session_rows.c.messages,
                session_rows.c.meta,
            )
            .join(sessions, sessions.c.number == session_rows.c.session)
            .where(
                sessions.c.id == session.id,
                sessions.c.held_by.is_(None),
                session_rows.c.position >= first,
                session_rows.c.position < end,
            )
            .order_by(session_rows.c.position)
        )
        with reading(self._engine) as connection:
            records = connection.execute(query).all()
        if len(records) != end - first:
            raise StoreError(
                f"The session {session.name} was deleted while it was read.", "Choose another session."
            )
        return [
            SessionRow(
                record.position, record.source_line, from_text(record.messages), meta_from_text(record.meta)
            )
            for record in records
        ]


_COLUMNS: Final = (
    sessions.c.id,
    sessions.c.name,
    sessions.c.source,
    sessions.c.row_count,
    sessions.c.created_at,
    sessions.c.content_hash,
)
_WHOLE: Final = select(*_COLUMNS).where(sessions.c.held_by.is_(None))


def _unknown(session_id: SessionId) -> UnknownSessionError:
    return UnknownSessionError(
        f"There is no session {session_id}.", "It may have been deleted; choose another."
    )
