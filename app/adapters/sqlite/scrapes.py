"""What was collected from the web.

A step's rows and its cursor are one transaction: a process that is killed leaves a session and a cursor that
belong together.
"""

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, delete, exists, insert, select, update

from app.adapters.sqlite.finding import the_one
from app.adapters.sqlite.row_text import ContentHash, meta_to_text, row_hash, to_text
from app.adapters.sqlite.schema import scrapes, session_rows, session_versions, sessions
from app.adapters.sqlite.transactions import reading, writing
from app.domain.errors import StoreError, StudioError
from app.domain.ports import Processes
from app.domain.queries import Query
from app.domain.scraping import Batch, Cursor, Scrape, ScrapeId, ScrapeStatus, UnknownScrapeError
from app.domain.sessions import SessionId
from trainer_image.rows import Row

KIND: Final = "web"
"""`sessions.source_kind` of what was collected."""
TWICE: Final = "collected before"

_READ_ROWS: Final = 2_000


class SqliteScrapeStore:
    """ScrapeStore on SQLite."""

    def __init__(
        self,
        engine: Engine,
        processes: Processes,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine = engine
        self._processes = processes
        self._clock = clock

    def begin(self, kind: str, name: str, source: str, query: Query) -> "SqliteScrapeWriter":
        scrape_id = ScrapeId(uuid.uuid4().hex[:12])
        values = {
            "id": scrape_id,
            "kind": kind,
            "name": name,
            "source": source,
            "query": _text(query),
            "status": ScrapeStatus.RUNNING.value,
            "owner": self._processes.me(),
            "started_at": self._clock(),
        }
        with writing(self._engine) as connection:
            connection.execute(insert(scrapes), values)
        return self._writer(scrape_id)

    def resume(self, scrape: Scrape) -> "SqliteScrapeWriter":
        as_it_was = (
            scrapes.c.id == scrape.id,
            scrapes.c.status == scrape.status.value,
            scrapes.c.owner.is_not_distinct_from(scrape.owner),
        )
        again = {
            "status": ScrapeStatus.RUNNING.value,
            "owner": self._processes.me(),
            "message": "",
            "hint": "",
            "ended_at": None,
        }
        with writing(self._engine) as connection:
            taken = connection.execute(update(scrapes).where(*as_it_was).values(again)).rowcount
        if not taken:
            raise StudioError(f"{scrape.name} is no longer as it was.", "Look at the list again.")
        return self._writer(scrape.id)

    def get(self, scrape_id: ScrapeId) -> Scrape:
        with reading(self._engine) as connection:
            return _get(connection, scrape_id)

    def find(self, prefix: str) -> Scrape:
        return the_one(self.all(), prefix, "scrape", _unknown)

    def all(self) -> Sequence[Scrape]:
        with reading(self._engine) as connection:
            records = connection.execute(_WHOLE.order_by(scrapes.c.number.desc())).mappings()
            return [_scrape(record) for record in records]

    def forget(self, scrape_id: ScrapeId) -> None:
        with writing(self._engine) as connection:
            connection.execute(delete(scrapes).where(scrapes.c.id == scrape_id))

    def _writer(self, scrape_id: ScrapeId) -> "SqliteScrapeWriter":
        with reading(self._engine) as connection:
            scrape, cursor = _get(connection, scrape_id), _cursor_of(connection, scrape_id)
        return SqliteScrapeWriter(self._engine, scrape, cursor, self._clock)


class SqliteScrapeWriter:
    """ScrapeWriter on SQLite; for one thread."""

    def __init__(self, engine: Engine, scrape: Scrape, cursor: Cursor, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._scrape = scrape
        self._cursor = cursor
        self._clock = clock
        self._end = _SessionEnd()

    @property
    def scrape(self) -> Scrape:
        return self._scrape

    @property
    def cursor(self) -> Cursor:
        return self._cursor

    def append(self, batch: Batch) -> Scrape:
        with writing(self._engine) as connection:
            stored = _get(connection, self._scrape.id)
            added, twice = self._add_rows(connection, stored, batch.rows)
            skipped = _sum(stored.skipped, {**batch.skipped, **({TWICE: twice} if twice else {})})
            progress = {
                "cursor": _text(batch.cursor),
                "row_count": stored.row_count + added,
                "seen": stored.seen + batch.seen,
                "total": stored.total if batch.total is None else batch.total,
                "skipped": _text(skipped),
            }
            connection.execute(update(scrapes).where(scrapes.c.id == stored.id).values(progress))
            self._scrape = _get(connection, stored.id)
        self._cursor = batch.cursor
        return self._scrape

    def end(self, status: ScrapeStatus, message: str = "", hint: str = "") -> Scrape:
        final = {
            "status": status.value,
            "owner": None,
            "message": message,
            "hint": hint,
            "ended_at": self._clock(),
        }
        with writing(self._engine) as connection:
            connection.execute(update(scrapes).where(scrapes.c.id == self._scrape.id).values(final))
            self._scrape = _get(connection, self._scrape.id)
        return self._scrape

    def _add_rows(self, connection: Connection, scrape: Scrape, rows: Sequence[Row]) -> tuple[int, int]:
        """How many were added, and how many were there already."""
        texts = [(row, to_text(row.messages)) for row in rows]
        if not texts:
            return 0, 0
        number = self._session_number(connection, scrape)
        end = self._end = self._end.up_to_date(connection, number)
        room, twice = scrape.limit - scrape.row_count, 0
        values: list[dict[str, Any]] = []
        for row, text in texts:
            if len(values) == room:
                break
            if not end.add(text):
                twice += 1
                continue
            values.append(_row_values(number, end.row_count - 1, row, text))
        if values:
            connection.execute(insert(session_rows), values)
            whole = {"row_count": end.row_count, "content_hash": end.hexdigest()}
            connection.execute(update(sessions).where(sessions.c.number == number).values(whole))
        return len(values), twice

    def _session_number(self, connection: Connection, scrape: Scrape) -> int:
        """Of the session these rows belong to; made for the first of them.

        A session that was edited meanwhile is no longer only what was collected: the rest goes to another.
        """
        query = select(sessions.c.number, _is_edited).where(
            sessions.c.id == scrape.session_id,
            sessions.c.held_by.is_(None),
            sessions.c.deleted_at.is_(None),
        )
        found = connection.execute(query).one_or_none()
        if found is None and (scrape.session_id is not None or scrape.row_count):
            raise StoreError(
                f"The session of {scrape.name} was deleted.", "Start anew to collect its rows again."
            )
        if found is not None and not found.is_edited:
            number: int = found.number
            return number
        name = scrape.name if found is None else f"{scrape.name} (continued)"
        values = {
            "id": uuid.uuid4().hex[:12],
            "name": name,
            "source": scrape.source,
            "source_kind": KIND,
            "created_at": self._clock(),
        }
        number = connection.execute(insert(sessions).returning(sessions.c.number), values).scalar_one()
        connection.execute(update(scrapes).where(scrapes.c.id == scrape.id).values(session=number))
        return number


class _SessionEnd:
    """What is needed to go on writing a session: its hash so far, and which rows it has."""

    def __init__(self) -> None:
        self.row_count = 0
        self._number: int | None = None
        self._content = ContentHash()
        self._rows: set[bytes] = set()

    def up_to_date(self, connection: Connection, number: int) -> "_SessionEnd":
        """Itself, or one read anew if the session is another or somebody changed it."""
        query = select(sessions.c.row_count, sessions.c.content_hash).where(sessions.c.number == number)
        count, content_hash = connection.execute(query).one()
        is_mine = self._number == number
        if is_mine and count == self.row_count and (count == 0 or content_hash == self.hexdigest()):
            return self
        return self._read(connection, number)

    def add(self, text: str) -> bool:
        """False if a row of this text is there already."""
        row = row_hash(text)
        if row in self._rows:
            return False
        self._rows.add(row)
        self._content.add(text)
        self.row_count += 1
        return True

    def hexdigest(self) -> str:
        return self._content.hexdigest()

    @staticmethod
    def _read(connection: Connection, number: int) -> "_SessionEnd":
        end = _SessionEnd()
        end._number = number
        query = (
            select(session_rows.c.messages, session_rows.c.content_hash)
            .where(session_rows.c.session == number)
            .order_by(session_rows.c.position)
        )
        for text, row in connection.execute(query.execution_options(yield_per=_READ_ROWS)):
            end._rows.add(row)
            end._content.add(text)
            end.row_count += 1
        return end


def _row_values(number: int, position: int, row: Row, text: str) -> dict[str, Any]:
    return {
        "session": number,
        "position": position,
        "source_line": position + 1,
        "messages": text,
        "content_hash": row_hash(text),
        "meta": meta_to_text(row.meta),
    }


_is_edited: Final = exists().where(session_versions.c.session == sessions.c.number).label("is_edited")
_SHOWN: Final = [column for column in scrapes.c if column.name != "cursor"]  # which may be large
_WHOLE: Final = select(*_SHOWN, sessions.c.id.label("session_id")).outerjoin(
    sessions, (sessions.c.number == scrapes.c.session) & sessions.c.held_by.is_(None)
)


def _unknown(message: str, hint: str) -> UnknownScrapeError:
    return UnknownScrapeError(message, hint.replace("scrapes list", "sessions collects"))


def _get(connection: Connection, scrape_id: ScrapeId) -> Scrape:
    record = connection.execute(_WHOLE.where(scrapes.c.id == scrape_id)).mappings().one_or_none()
    if record is None:
        hint = "It may have been removed from the list."
        raise UnknownScrapeError(f"There is no scrape {scrape_id}.", hint)
    return _scrape(record)


def _cursor_of(connection: Connection, scrape_id: ScrapeId) -> Cursor:
    text = connection.execute(select(scrapes.c.cursor).where(scrapes.c.id == scrape_id)).scalar_one()
    cursor: dict[str, Any] = json.loads(text)
    return cursor


def _scrape(record: Mapping[Any, Any]) -> Scrape:
    values = {key: record[key] for key in _PLAIN}
    scrape = Scrape(
        **values,
        query=_query(record["query"]),
        skipped=json.loads(record["skipped"]),
        status=ScrapeStatus(record["status"]),
    )
    return replace(scrape, session_id=SessionId(scrape.session_id) if scrape.session_id else None)


_PLAIN: Final = (
    "id", "kind", "name", "source", "owner", "row_count", "seen", "total",
    "message", "hint", "started_at", "ended_at", "session_id",
)  # fmt: skip


def _query(text: str) -> Query:
    """Lines are a tuple again, as the source checked them."""
    return {name: tuple(v) if isinstance(v, list) else v for name, v in json.loads(text).items()}


def _text(value: Query | Cursor | Mapping[str, int]) -> str:
    return json.dumps(value, ensure_ascii=False)


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> Mapping[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in dict.fromkeys((*one, *other))}
