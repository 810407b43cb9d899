"""Collected datasets. How a session comes and goes in batches is told in `leftovers`."""

import logging
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import chain
from typing import Final

from sqlalchemy import Engine, RowMapping, insert, select, update

from app.adapters.sqlite.finding import the_one
from app.adapters.sqlite.leftovers import remove_session
from app.adapters.sqlite.row_batches import store_rows
from app.adapters.sqlite.row_ranges import VersionRecord, ranges_of, read, version_record
from app.adapters.sqlite.row_text import (
    ContentHash,
    from_text,
    meta_from_text,
)
from app.adapters.sqlite.schema import sessions
from app.adapters.sqlite.search_index import SearchIndex
from app.adapters.sqlite.session_edits import RowEdits
from app.adapters.sqlite.session_hashes import HashMemory
from app.adapters.sqlite.session_search import find_rows, make_index, search_state
from app.adapters.sqlite.session_versions import (
    append,
    deleted_before,
    duplicate,
    no_version,
    restore,
    set_deleted,
    versions_of,
)
from app.adapters.sqlite.transactions import file_of, reading, writing
from app.domain.errors import StoreError, UnknownSessionError
from app.domain.finding import Found, RowFilter, SearchState
from app.domain.ports import Processes
from app.domain.ready_rows import ReadyRow
from app.domain.sessions import RowChange, Session, SessionId, SessionRow, SessionVersion, StoredRow
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
        self._edits = RowEdits(engine, processes.me, clock, HashMemory())
        database = file_of(engine)
        self._index = SearchIndex(database.with_name(f"{database.stem}-search{database.suffix}"))

    def add(
        self,
        name: str,
        source: str,
        rows: Iterator[Row | ReadyRow],
        *,
        progress: Callable[[int], None] | None = None,
    ) -> Session:
        """`progress` is told the number of rows stored so far after each batch."""
        return self._add(name, source, rows, progress)

    def add_stored(
        self,
        name: str,
        source: str,
        rows: Iterator[StoredRow],
        *,
        progress: Callable[[int], None] | None = None,
    ) -> Session:
        return self._add(name, source, rows, progress)

    def _add(
        self,
        name: str,
        source: str,
        rows: Iterator[Row | ReadyRow] | Iterator[StoredRow],
        progress: Callable[[int], None] | None,
    ) -> Session:
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
            return [_session(record) for record in connection.execute(query).mappings()]

    def deleted(self) -> Sequence[Session]:
        query = _EVERY.where(sessions.c.deleted_at.is_not(None)).order_by(sessions.c.deleted_at.desc())
        with reading(self._engine) as connection:
            return [_session(record) for record in connection.execute(query).mappings()]

    def get(self, session_id: SessionId) -> Session:
        with reading(self._engine) as connection:
            query = _WHOLE.where(sessions.c.id == session_id)
            record = connection.execute(query).mappings().one_or_none()
        if record is None:
            raise _unknown(session_id)
        return _session(record)

    def find(self, prefix: str, *, deleted: bool = False) -> Session:
        return the_one(self.deleted() if deleted else self.all(), prefix, "session", UnknownSessionError)

    def rows(
        self,
        session_id: SessionId,
        *,
        start: int = 0,
        limit: int | None = None,
        version: int | None = None,
    ) -> Iterator[SessionRow]:
        """Raises UnknownSessionError at once, and StoreError if the session is deleted while it is read."""
        session = self.get(session_id)
        version = session.version if version is None else version
        record = self._record(session_id, version)
        end = record.row_count if limit is None else min(record.row_count, start + limit)
        pages = range(max(start, 0), end, READ_ROWS)
        return chain.from_iterable(
            self._page(session, version, first, min(first + READ_ROWS, end)) for first in pages
        )

    def find_rows(
        self,
        session_id: SessionId,
        wanted: RowFilter,
        *,
        start: int = 0,
        limit: int = 50,
        version: int | None = None,
        tick: Callable[[int], None] | None = None,
    ) -> Found:
        record = self._record(session_id, self.get(session_id).version if version is None else version)
        return find_rows(
            self._engine, self._index, record, wanted, start=max(start, 0), limit=limit, tick=tick
        )

    def search_state(self, session_id: SessionId) -> SearchState:
        return search_state(self._engine, self._index, self._record(session_id, None))

    def make_search_index(self, session_id: SessionId, tick: Callable[[int], None]) -> None:
        make_index(self._engine, self._index, self._record(session_id, None), tick)

    def versions(self, session_id: SessionId) -> Sequence[SessionVersion]:
        return versions_of(self._engine, self.get(session_id))

    def change(
        self,
        base: Session,
        changes: Iterable[RowChange],
        summary: str,
        *,
        progress: Callable[[int], None] | None = None,
    ) -> Session:
        self._edits.change(base, changes, summary, progress)
        return self.get(base.id)

    def restore(self, base: Session, version: int) -> Session:
        restore(self._engine, self._edits, base, version)
        return self.get(base.id)

    def append(
        self, base: Session, other: Session, *, progress: Callable[[int], None] | None = None
    ) -> Session:
        append(self._engine, self._edits, base, other, progress)
        return self.get(base.id)

    def duplicate(self, base: Session, name: str) -> Session:
        twin = SessionId(uuid.uuid4().hex[:12])
        duplicate(self._engine, base, twin, name, self._clock())
        return self.get(twin)

    def tag(self, session_id: SessionId, tags: Sequence[str]) -> Session:
        return self._update(session_id, tags=sorted(set(tags)))

    def hide(self, session_id: SessionId) -> None:
        if not set_deleted(self._engine, session_id, self._clock()):
            raise _unknown(session_id)

    def undelete(self, session_id: SessionId) -> Session:
        if not set_deleted(self._engine, session_id, None):
            raise _unknown(session_id)
        return self.get(session_id)

    def purge(self, before: datetime) -> int:
        with reading(self._engine) as connection:
            old = deleted_before(connection, before)
        for session_id in old:
            with suppress(UnknownSessionError):  # another process was faster
                self.delete(session_id)
        return len(old)

    def rename(self, session_id: SessionId, name: str) -> Session:
        return self._update(session_id, name=name)

    def delete(self, session_id: SessionId) -> None:
        """Runs that used it no longer name it."""
        hide = (
            update(sessions)
            .where(sessions.c.id == session_id, sessions.c.held_by.is_(None), sessions.c.is_part.is_(False))
            .values(held_by=self._processes.me())
            .returning(sessions.c.number)
        )
        with writing(self._engine) as connection:
            number = connection.execute(hide).scalar_one_or_none()
        if number is None:
            raise _unknown(session_id)
        remove_session(self._engine, number)

    def _record(self, session_id: SessionId, version: int | None) -> VersionRecord:
        with reading(self._engine) as connection:
            record = version_record(connection, session_id, version)
        if record is None:
            self.get(session_id)  # says so if it is the session that is gone
            raise no_version(session_id, version or 0)
        return record

    def _update(self, session_id: SessionId, **values: object) -> Session:
        change = update(sessions).where(sessions.c.id == session_id, sessions.c.held_by.is_(None))
        with writing(self._engine) as connection:
            connection.execute(change.values(**values))
        return self.get(session_id)

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
            return _session(connection.execute(whole).mappings().one())

    def _discard(self, number: int) -> None:
        """If that fails too (a full disk), the next opening of the database does it."""
        try:
            remove_session(self._engine, number)
        except StoreError as error:
            log.warning("Session number %d stays unfinished for now: %s", number, error)

    def _page(self, session: Session, version: int, first: int, end: int) -> list[SessionRow]:
        """Rows `first`..`end` in one short transaction: a slow reader keeps nobody from tidying up."""
        with reading(self._engine) as connection:
            record = version_record(connection, session.id, version)
            found = list(read(connection, ranges_of(connection, record, first, end))) if record else []
        if len(found) != end - first:
            raise StoreError(
                f"The session {session.name} was deleted while it was read.", "Choose another session."
            )
        return [
            SessionRow(position, row["source_line"], from_text(row["messages"]), meta_from_text(row["meta"]))
            for position, row in found
        ]


_COLUMNS: Final = (
    sessions.c.id,
    sessions.c.name,
    sessions.c.source,
    sessions.c.row_count,
    sessions.c.created_at,
    sessions.c.content_hash,
    sessions.c.version,
    sessions.c.tags,
    sessions.c.deleted_at,
)
_EVERY: Final = select(*_COLUMNS).where(sessions.c.held_by.is_(None), sessions.c.is_part.is_(False))
_WHOLE: Final = _EVERY.where(sessions.c.deleted_at.is_(None))


def _session(record: RowMapping) -> Session:
    return Session(**{**record, "tags": tuple(record["tags"])})


def _unknown(session_id: SessionId) -> UnknownSessionError:
    return UnknownSessionError(
        f"There is no session {session_id}.", "It may have been deleted; choose another."
    )
