"""Sessions that are being collected grow in place: what meets them elsewhere takes no row for another."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from app.adapters.processes import SystemProcesses
from app.adapters.sqlite.scrapes import SqliteScrapeStore, SqliteScrapeWriter
from app.adapters.sqlite.sessions import SqliteSessionStore
from app.domain.errors import StaleSessionError, StoreError, UnknownSessionError
from app.domain.scraping import Batch, ScrapeStatus
from app.domain.sessions import RowChange, Session
from trainer_image.rows import Row

from . import examples


def rows_of(*questions: str) -> tuple[Row, ...]:
    return tuple(Row(1, examples.messages(question)) for question in questions)


@pytest.fixture
def scrapes(engine: Engine) -> SqliteScrapeStore:
    return SqliteScrapeStore(engine, SystemProcesses())


@pytest.fixture
def writer(scrapes: SqliteScrapeStore) -> SqliteScrapeWriter:
    writer = scrapes.begin("web", "Pages", "Web pages: here", {"limit": 100})
    writer.append(Batch(rows_of("a", "b"), {}))
    return writer


def collected(writer: SqliteScrapeWriter, sessions: SqliteSessionStore) -> Session:
    assert writer.scrape.session_id is not None
    return sessions.get(writer.scrape.session_id)


def asked(sessions: SqliteSessionStore, session: Session, version: int | None = None) -> list[str]:
    found = list(sessions.rows(session.id, version=version))
    assert [row.position for row in found] == list(range(len(found)))
    return [row.messages[0]["content"] for row in found]


def test_a_change_of_a_session_that_grew_since_it_was_seen_is_refused(
    writer: SqliteScrapeWriter, sessions: SqliteSessionStore
) -> None:
    seen = collected(writer, sessions)
    other = sessions.add("Other", "here", iter(rows_of("x")))
    writer.append(Batch(rows_of("c"), {}))

    with pytest.raises(StaleSessionError, match="Pages has other rows than you saw"):
        sessions.change(seen, [RowChange(2, rows_of("new")[0], is_new=True)], "added")
    with pytest.raises(StaleSessionError):
        sessions.append(seen, other)

    now = collected(writer, sessions)
    assert (now.version, asked(sessions, now)) == (1, ["a", "b", "c"])
    assert asked(sessions, sessions.append(now, other)) == ["a", "b", "c", "x"]
    assert sessions.versions(now.id)[-1].content_hash == now.content_hash


def test_rows_collected_while_a_change_is_made_are_not_lost(
    writer: SqliteScrapeWriter, sessions: SqliteSessionStore
) -> None:
    seen = collected(writer, sessions)

    def slow() -> Iterator[RowChange]:
        yield RowChange(0, None)
        writer.append(Batch(rows_of("c"), {}))

    with pytest.raises(StaleSessionError):
        sessions.change(seen, slow(), "deleted")

    assert asked(sessions, seen) == ["a", "b", "c"]


def test_a_scrape_whose_session_lives_on_in_a_copy_only_is_not_resumed_into_the_hidden_rows(
    writer: SqliteScrapeWriter, scrapes: SqliteScrapeStore, sessions: SqliteSessionStore
) -> None:
    seen = collected(writer, sessions)
    copy = sessions.duplicate(seen, "Copy")
    stopped = writer.end(ScrapeStatus.CANCELLED)
    sessions.delete(seen.id)

    assert scrapes.get(stopped.id).session_id is None
    with pytest.raises(StoreError, match="was deleted"):
        scrapes.resume(scrapes.get(stopped.id)).append(Batch(rows_of("c"), {}))
    assert asked(sessions, copy) == ["a", "b"]


def test_a_session_deleted_for_good_while_it_is_appended_to_another_is_not_half_of_it(
    sessions: SqliteSessionStore,
) -> None:
    base = sessions.add("Base", "here", iter(rows_of("a")))
    other = sessions.add("Other", "here", iter(rows_of("x", "y")))

    def delete_it(_: int) -> None:
        sessions.delete(other.id)

    with pytest.raises(UnknownSessionError, match="There is no session"):
        sessions.append(base, other, progress=delete_it)

    assert (sessions.get(base.id), asked(sessions, base)) == (base, ["a"])
