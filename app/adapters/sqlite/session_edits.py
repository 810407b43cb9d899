"""A change of a session's rows: what is new is staged in a part of its own, then the version appears at once.

Until then the part is held by its process (see `leftovers`), so a killed change leaves nothing. Who publishes
last finds that the session has moved on, and is told: nobody's change is lost or mixed with another's.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Engine, insert, select, update

from app.adapters.sqlite.leftovers import remove_session
from app.adapters.sqlite.row_ranges import Range, Splice, VersionRecord, ranges_of, read, version_record
from app.adapters.sqlite.row_text import meta_to_text, row_hash, to_text
from app.adapters.sqlite.schema import session_rows, session_versions, sessions, version_ranges
from app.adapters.sqlite.session_hashes import HashMemory
from app.adapters.sqlite.transactions import reading, writing
from app.domain.errors import StaleSessionError, UnknownSessionError
from app.domain.sessions import RowChange, Session
from trainer_image.rows import Row

BATCH_ROWS: Final = 2_000
BATCH_CHARACTERS: Final = 8_000_000
COPIED_GAP_ROWS: Final = 32
"""So many unchanged rows between two changed ones are written again rather than pointed at: a change of every
tenth row of a million leaves some ranges, not hundreds of thousands, for all later versions to carry."""

Progress = Callable[[int], None]


class RowEdits:
    """Makes new versions of sessions."""

    def __init__(
        self, engine: Engine, me: Callable[[], str], clock: Callable[[], datetime], hashes: HashMemory
    ) -> None:
        self._engine = engine
        self._me = me
        self._clock = clock
        self._hashes = hashes

    def change(
        self, base: Session, changes: Iterable[RowChange], summary: str, progress: Progress | None = None
    ) -> None:
        """Apply `changes`, ordered by position, to the version `base` names.

        `progress` is told how far in the old and then in the new version it is; an exception from it or from
        `changes` leaves nothing behind. Raises StaleSessionError if the session has moved on.
        """
        with reading(self._engine) as connection:
            record = newest_of(connection, base)
            old = ranges_of(connection, record)
        part = _Part(self._engine, self._me, self._clock)
        try:
            splice, count = _spliced(self._engine, part, old, record.row_count, changes, progress)
            part.flush()
            summary = summary.replace("{rows}", "1 row" if count == 1 else f"{count:,} rows")
            content_hash = self._hashes.of(self._engine, splice.ranges, progress)
            self._publish(base, splice.ranges, part, summary, content_hash)
        except BaseException:
            part.discard()
            raise

    def share(
        self,
        base: Session,
        ranges: list[Range],
        summary: str,
        *,
        content_hash: str = "",
        of: Session | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Make `ranges` of rows that are there already the next version; `content_hash` if it is known, and
        the other session they are `of`, which may be deleted meanwhile."""
        content_hash = content_hash or self._hashes.of(self._engine, ranges, progress)
        self._publish(base, ranges, None, summary, content_hash, of)

    def _publish(
        self,
        base: Session,
        ranges: list[Range],
        part: "_Part | None",
        summary: str,
        content_hash: str,
        other: Session | None = None,
    ) -> None:
        with writing(self._engine) as connection:
            record = newest_of(connection, base)
            if other is not None:
                newest_of(connection, other)
            keep_import(connection, record, base)
            count = ranges[-1].end if ranges else 0
            now = self._clock()
            store_version(connection, record.session, base.version + 1, ranges, content_hash, summary, now)
            connection.execute(
                update(sessions)
                .where(sessions.c.number == record.session)
                .values(version=base.version + 1, row_count=count, content_hash=content_hash)
            )
            if part is not None:
                part.release(connection)


def newest_of(connection: Connection, base: Session) -> VersionRecord:
    """Raises StaleSessionError if it isn't as `base` has it, UnknownSessionError if it is deleted.

    A session that is being collected has more rows with every step, of the same version.
    """
    newest = connection.execute(
        select(sessions.c.version, sessions.c.content_hash).where(
            sessions.c.id == base.id,
            sessions.c.held_by.is_(None),
            sessions.c.is_part.is_(False),
            sessions.c.deleted_at.is_(None),
        )
    ).one_or_none()
    record = version_record(connection, base.id, None) if newest is not None else None
    if newest is None or record is None:
        raise UnknownSessionError(
            f"There is no session {base.id} any more.", "It was deleted; nothing of your change was stored."
        )
    hint = "Nothing of your change was stored. Look at the rows as they are now, then make it again."
    if newest.version != base.version:
        raise StaleSessionError(
            f"{base.name} was changed elsewhere: you saw version {base.version}, now it is {newest.version}.",
            hint,
        )
    if newest.content_hash != base.content_hash:
        raise StaleSessionError(f"{base.name} has other rows than you saw: it is being collected.", hint)
    return record


def keep_import(connection: Connection, record: VersionRecord, base: Session) -> None:
    """Write down the version a session was imported as, before there is a second."""
    if record.number is None:
        whole = [Range(0, record.session, 0, record.row_count)] if record.row_count else []
        store_version(connection, record.session, 1, whole, base.content_hash, "imported", base.created_at)


def store_version(
    connection: Connection,
    session: int,
    version: int,
    ranges: list[Range],
    content_hash: str,
    summary: str,
    now: datetime,
) -> None:
    number = connection.execute(
        insert(session_versions).returning(session_versions.c.number),
        {
            "session": session,
            "version": version,
            "row_count": ranges[-1].end if ranges else 0,
            "content_hash": content_hash,
            "created_at": now,
            "summary": summary,
        },
    ).scalar_one()
    if ranges:
        connection.execute(insert(version_ranges), [{"version": number, **vars(r)} for r in ranges])


def _spliced(
    engine: Engine,
    part: "_Part",
    old: list[Range],
    row_count: int,
    changes: Iterable[RowChange],
    progress: Progress | None,
) -> tuple[Splice, int]:
    """The new ranges, and how many rows changed."""
    splice, at, count = Splice(old), 0, 0
    for change in changes:
        if not at <= change.position <= row_count - (not change.is_new):
            raise ValueError(f"change at {change.position} after {at}, of {row_count} rows")
        gap = change.position - at
        if count and 0 < gap < COPIED_GAP_ROWS:
            for values in _rows_of(engine, splice.old_between(at, change.position)):
                splice.put(part.number, part.add(*values))
        else:
            splice.keep(at, change.position)
        at = change.position + (not change.is_new)
        count += 1
        if change.row is not None:
            splice.put(part.number, part.add(*_values(change.row)))
        if progress is not None and count % 500 == 0:
            progress(at)
    splice.keep(at, row_count)
    return splice, count


def _values(row: Row) -> tuple[int, str, bytes, str]:
    text = to_text(row.messages)
    return row.line, text, row_hash(text), meta_to_text(row.meta)


def _rows_of(engine: Engine, ranges: list[Range]) -> Iterator[tuple[int, str, bytes, str]]:
    with reading(engine) as connection:
        found = [record for _, record in read(connection, ranges)]
    for record in found:
        yield record["source_line"], record["messages"], record["content_hash"], record["meta"]


class _Part:
    """New rows on their way in, batch by batch; a change without any makes none."""

    def __init__(self, engine: Engine, me: Callable[[], str], clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._me = me
        self._clock = clock
        self._number: int | None = None
        self._batch: list[dict[str, object]] = []
        self._characters = 0
        self._count = 0

    @property
    def number(self) -> int:
        if self._number is None:
            values = {
                "id": uuid.uuid4().hex,
                "name": "",
                "source": "",
                "created_at": self._clock(),
                "held_by": self._me(),
                "is_part": True,
            }
            with writing(self._engine) as connection:
                self._number = connection.execute(
                    insert(sessions).returning(sessions.c.number), values
                ).scalar_one()
        return self._number

    def add(self, line: int, messages: str, content_hash: bytes, meta: str) -> int:
        """The place of the row in the part."""
        place = self._count
        self._batch.append(
            {
                "session": self.number,
                "position": place,
                "source_line": line,
                "messages": messages,
                "content_hash": content_hash,
                "meta": meta,
            }
        )
        self._count += 1
        self._characters += len(messages) + len(meta)
        if len(self._batch) >= BATCH_ROWS or self._characters >= BATCH_CHARACTERS:
            self.flush()
        return place

    def flush(self) -> None:
        if self._batch:
            with writing(self._engine) as connection:
                connection.execute(insert(session_rows), self._batch)
        self._batch, self._characters = [], 0

    def release(self, connection: Connection) -> None:
        """It belongs to a version now."""
        if self._number is not None:
            connection.execute(
                update(sessions)
                .where(sessions.c.number == self._number)
                .values(held_by=None, row_count=self._count)
            )

    def discard(self) -> None:
        if self._number is not None:
            remove_session(self._engine, self._number)
