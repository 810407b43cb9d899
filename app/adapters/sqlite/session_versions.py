"""What a session was before: its versions, and bringing one back."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection, Engine, insert, select, update

from app.adapters.sqlite.row_ranges import ranges_of, version_record
from app.adapters.sqlite.schema import session_versions, sessions
from app.adapters.sqlite.session_edits import RowEdits, newest_of, store_version
from app.adapters.sqlite.transactions import reading, writing
from app.domain.errors import UnknownSessionError
from app.domain.sessions import Session, SessionId, SessionVersion


def versions_of(engine: Engine, session: Session) -> Sequence[SessionVersion]:
    """Newest first; a session that never changed has one."""
    columns = [session_versions.c[name] for name in SessionVersion.__dataclass_fields__]
    query = (
        select(*columns)
        .join(sessions, sessions.c.number == session_versions.c.session)
        .where(sessions.c.id == session.id)
        .order_by(session_versions.c.version.desc())
    )
    with reading(engine) as connection:
        found = [SessionVersion(*record) for record in connection.execute(query)]
    return found or [as_imported(session)]


def as_imported(session: Session) -> SessionVersion:
    return SessionVersion(1, session.row_count, session.content_hash, session.created_at, "imported")


def restore(engine: Engine, edits: RowEdits, base: Session, version: int) -> None:
    """Make an older version the newest one again, as a new version. Raises UnknownSessionError."""
    with reading(engine) as connection:
        newest_of(connection, base)
        record = version_record(connection, base.id, version)
        if record is None:
            raise no_version(base.id, version)
        ranges = ranges_of(connection, record)
        known = select(session_versions.c.content_hash).where(session_versions.c.number == record.number)
        content_hash = connection.execute(known).scalar_one_or_none() or base.content_hash
    edits.share(base, ranges, f"version {version} restored", content_hash=content_hash)


def duplicate(engine: Engine, base: Session, new_id: SessionId, name: str, now: datetime) -> None:
    """A session of its own with the same rows, which it shares."""
    with writing(engine) as connection:
        ranges = ranges_of(connection, newest_of(connection, base))
        values = {
            "id": new_id,
            "name": name,
            "source": base.source,
            "created_at": now,
            "row_count": base.row_count,
            "content_hash": base.content_hash,
            "tags": list(base.tags),
        }
        number = connection.execute(insert(sessions).returning(sessions.c.number), values).scalar_one()
        store_version(connection, number, 1, ranges, base.content_hash, f"copied from {base.name}", now)


def append(
    engine: Engine,
    edits: RowEdits,
    base: Session,
    other: Session,
    progress: Callable[[int], None] | None = None,
) -> None:
    """The rows of `other`, which it shares, after those of `base`."""
    with reading(engine) as connection:
        ranges = ranges_of(connection, newest_of(connection, base))
        end = base.row_count
        for piece in ranges_of(connection, newest_of(connection, other)):
            ranges.append(type(piece)(end + piece.position, piece.part, piece.first, piece.length))
    summary = f"{other.row_count:,} {'row' if other.row_count == 1 else 'rows'} of {other.name} appended"
    edits.share(base, ranges, summary, of=other, progress=progress)


def set_deleted(engine: Engine, session_id: SessionId, moment: datetime | None) -> bool:
    """Hide a session, or show it again; whether there was one to."""
    state = sessions.c.deleted_at.is_(None) if moment else sessions.c.deleted_at.is_not(None)
    change = (
        update(sessions)
        .where(sessions.c.id == session_id, sessions.c.held_by.is_(None), state)
        .values(deleted_at=moment)
    )
    with writing(engine) as connection:
        return connection.execute(change).rowcount == 1


def deleted_before(connection: Connection, moment: datetime) -> Sequence[SessionId]:
    query = select(sessions.c.id).where(
        sessions.c.held_by.is_(None), sessions.c.deleted_at.is_not(None), sessions.c.deleted_at < moment
    )
    return [SessionId(found) for found in connection.execute(query).scalars()]


def no_version(session_id: SessionId, version: int) -> UnknownSessionError:
    return UnknownSessionError(
        f"The session {session_id} has no version {version}.", "See which there are: sessions versions"
    )
