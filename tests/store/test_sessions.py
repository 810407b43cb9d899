"""Sessions: rows go in and come out as they are, all of them or none."""

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event, func, insert, select

from app.adapters.processes import SystemProcesses
from app.adapters.sqlite import row_batches
from app.adapters.sqlite.engine import open_database
from app.adapters.sqlite.leftovers import clear_leftovers
from app.adapters.sqlite.row_batches import BATCH_CHARACTERS, BATCH_ROWS
from app.adapters.sqlite.runs import SqliteRunStore
from app.adapters.sqlite.schema import session_rows
from app.adapters.sqlite.schema import sessions as sessions_table
from app.adapters.sqlite.sessions import SqliteSessionStore
from app.adapters.sqlite.transactions import reading, writing
from app.domain.errors import StoreError, UnknownSessionError
from app.domain.runs import RunId
from app.domain.sessions import SessionId, SessionRow
from tests.importers import making
from trainer_image.rows import Row

from . import children, examples


def _forbid_writing(connection: sqlite3.Connection, _: object) -> None:
    connection.execute("PRAGMA query_only = ON")


def _stored_rows(engine: Engine) -> int:
    """Rows of whole and unfinished sessions alike."""
    with reading(engine) as connection:
        return connection.execute(select(func.count()).select_from(session_rows)).scalar_one()


# Any code point, lone surrogates and NUL too: JSON files can spell them.
_text = st.text(st.characters(codec=None, categories=None), max_size=30)
_value: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=8,
)
_call = st.fixed_dictionaries(
    {"type": st.just("function"), "function": st.fixed_dictionaries({"name": _text, "arguments": _value})}
)
_message = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool"]), "content": _text},
    optional={"tool_calls": st.lists(_call, min_size=1, max_size=2), "name": _text},
)
_conversations = st.lists(st.lists(_message, min_size=1, max_size=4).map(tuple), max_size=4)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteSessionStore]:
    """One database for all of a property's examples."""
    engine = open_database(tmp_path_factory.mktemp("shared") / "tunewright.db")
    yield SqliteSessionStore(engine, SystemProcesses())
    engine.dispose()


@settings(max_examples=80, deadline=None)
@given(conversations=_conversations, meta=st.dictionaries(st.text(max_size=5), st.text(max_size=5)))
def test_any_rows_come_back_as_they_went_in(
    shared: SqliteSessionStore, conversations: list[tuple[dict[str, Any], ...]], meta: dict[str, str]
) -> None:
    rows = [Row(3 * n + 2, conversation, meta) for n, conversation in enumerate(conversations)]

    session = shared.add("any", "property", iter(rows))

    stored = list(shared.rows(session.id))
    assert stored == [SessionRow(n, row.line, row.messages, meta) for n, row in enumerate(rows)]
    assert [json.dumps(row.messages) for row in stored] == [
        json.dumps(row.messages) for row in rows
    ]  # key order


def test_a_session_knows_what_it_holds(sessions: SqliteSessionStore) -> None:
    session = sessions.add("ferries", "ferries.jsonl", examples.rows(5))

    assert (session.name, session.source, session.row_count) == ("ferries", "ferries.jsonl", 5)
    assert sessions.get(session.id) == session
    assert session.created_at.utcoffset() is not None


def test_the_content_hash_is_the_checksum_of_the_exported_file(sessions: SqliteSessionStore) -> None:
    rows = [Row(1, examples.messages("Überfahrt? 🚢")), Row(2, examples.messages("cut \ud83d emoji"))]

    session = sessions.add("s", "test", iter(rows))

    first = json.dumps({"messages": rows[0].messages}, ensure_ascii=False)
    second = json.dumps({"messages": rows[1].messages})  # UTF-8 cannot spell it, JSON can
    assert session.content_hash == hashlib.sha256(f"{first}\n{second}\n".encode()).hexdigest()


def test_one_changed_letter_changes_the_content_hash(sessions: SqliteSessionStore) -> None:
    one = sessions.add("one", "test", iter([Row(1, examples.messages("a"))]))
    same = sessions.add("same", "test", iter([Row(9, examples.messages("a"))]))
    other = sessions.add("other", "test", iter([Row(1, examples.messages("b"))]))

    assert one.content_hash == same.content_hash != other.content_hash


def test_rows_are_read_in_pages(sessions: SqliteSessionStore) -> None:
    session = sessions.add("s", "test", examples.rows(2_500))

    def positions(**page: Any) -> list[int]:
        return [row.position for row in sessions.rows(session.id, **page)]

    assert positions() == list(range(2_500))
    assert positions(start=990, limit=30) == list(range(990, 1020))
    assert positions(start=2_490, limit=100) == list(range(2_490, 2_500))
    assert positions(start=2_500) == positions(limit=0) == []


def test_a_session_deleted_while_it_is_read_is_not_a_shorter_session(sessions: SqliteSessionStore) -> None:
    session = sessions.add("s", "test", examples.rows(2_500))
    reader = sessions.rows(session.id)
    next(reader)

    sessions.delete(session.id)

    with pytest.raises(StoreError, match="deleted while it was read"):
        list(reader)


def test_progress_counts_stored_rows(sessions: SqliteSessionStore) -> None:
    told: list[int] = []

    sessions.add("s", "test", examples.rows(2 * BATCH_ROWS + 1), progress=told.append)

    assert told == [BATCH_ROWS, 2 * BATCH_ROWS, 2 * BATCH_ROWS + 1]


def test_huge_rows_are_written_in_smaller_batches(sessions: SqliteSessionStore) -> None:
    told: list[int] = []
    half = "x" * (BATCH_CHARACTERS // 2)

    sessions.add("s", "t", (Row(n, examples.messages(half)) for n in range(5)), progress=told.append)

    assert told == [2, 4, 5]


def test_a_source_that_breaks_leaves_nothing_behind(engine: Engine, sessions: SqliteSessionStore) -> None:
    def breaking() -> Iterator[Row]:
        yield from examples.rows(2 * BATCH_ROWS)
        raise LookupError("the disk was pulled out")

    with pytest.raises(LookupError):
        sessions.add("s", "test", breaking())

    assert sessions.all() == []
    assert _stored_rows(engine) == 0


def test_an_unfinished_session_is_not_seen_and_survives_another_opening(
    path: Path, sessions: SqliteSessionStore
) -> None:
    def looking() -> Iterator[Row]:
        yield from examples.rows(BATCH_ROWS + 1)
        second_window = open_database(path)
        assert SqliteSessionStore(second_window, SystemProcesses()).all() == []
        _wait_for_rows(second_window, BATCH_ROWS)
        second_window.dispose()

    session = sessions.add("s", "test", looking())

    assert len(list(sessions.rows(session.id))) == BATCH_ROWS + 1


def test_another_process_writes_between_any_two_batches(
    path: Path, engine: Engine, sessions: SqliteSessionStore
) -> None:
    """The import waits for the other writer: had it kept the lock, neither would ever end."""
    runs = SqliteRunStore(engine)

    def interrupted() -> Iterator[Row]:
        for batch in range(3):
            yield from examples.rows(BATCH_ROWS)
            _wait_for_rows(engine, (batch + 1) * BATCH_ROWS)  # a fork must not meet a thread that writes
            [writer] = children.start_all(children.FORKED, children.add_run, iter([(path, f"run-{batch}")]))
            children.join(writer)
            assert runs.get(RunId(f"run-{batch}"))

    session = sessions.add("s", "test", interrupted())

    assert session.row_count == 3 * BATCH_ROWS
    assert len(runs.all()) == 3


def test_two_processes_may_import_at_once(path: Path, sessions: SqliteSessionStore) -> None:
    start = children.FORKED.Barrier(2)

    children.join(
        *children.start_all(
            children.FORKED, children.import_rows, ((path, name, 10_000, start) for name in ("a", "b"))
        )
    )

    a, b = sessions.find("a"), sessions.find("b")
    assert a.content_hash == b.content_hash
    assert [row.position for row in sessions.rows(a.id)] == list(range(10_000))


def test_an_import_that_is_killed_leaves_no_half_session(path: Path, engine: Engine) -> None:
    hear, tell = children.FRESH.Pipe(duplex=False)
    [importer] = children.start_all(children.FRESH, children.import_without_end, iter([(path, tell)]))
    assert hear.poll(60)
    while hear.recv() < 3 * BATCH_ROWS:
        pass
    importer.kill()
    importer.join()
    assert _stored_rows(engine) >= 3 * BATCH_ROWS

    again = open_database(path)

    assert SqliteSessionStore(again, SystemProcesses()).all() == []
    assert _stored_rows(again) == 0
    with reading(again) as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    again.dispose()


def test_an_import_under_way_in_another_process_is_left_alone(path: Path, engine: Engine) -> None:
    hear, tell = children.FRESH.Pipe(duplex=False)
    [importer] = children.start_all(children.FRESH, children.import_without_end, iter([(path, tell)]))
    assert hear.poll(60)

    clear_leftovers(engine, SystemProcesses())

    first, second = hear.recv(), hear.recv()
    assert second > first
    importer.kill()
    importer.join()
    assert _stored_rows(engine) >= second


def test_a_disk_that_fills_up_is_a_sentence_and_nothing_is_lost(
    path: Path, engine: Engine, sessions: SqliteSessionStore
) -> None:
    before = sessions.add("before", "test", examples.rows(100))
    outcome = children.FORKED.Queue()

    [importer] = children.start_all(
        children.FORKED, children.import_with_room_for, iter([(4, path, outcome)])
    )

    assert "has room" in outcome.get(timeout=60)
    children.join(importer)
    again = open_database(path)
    assert SqliteSessionStore(again, SystemProcesses()).all() == [before]
    assert _stored_rows(again) == 100
    SqliteSessionStore(again, SystemProcesses()).add("after", "test", examples.rows(100))
    again.dispose()


def test_rows_stop_coming_before_the_disk_is_full_so_that_they_can_be_taken_back(
    path: Path, engine: Engine, sessions: SqliteSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sessions.add("before", "test", examples.rows(100))
    room = shutil.disk_usage(path.parent).free

    def grown() -> Iterator[Row]:
        yield from examples.rows(8_000)
        monkeypatch.setattr(row_batches, "SPARE_BYTES", 2 * room)  # as if others had filled it meanwhile
        yield from examples.rows(8_000)

    with pytest.raises(StoreError, match=r"[MG]B are left on the disk") as refusal:
        sessions.add("too much", "test", grown())

    assert "Nothing was stored" in refusal.value.hint
    assert sessions.all() == [before]
    assert _stored_rows(engine) == 100


def test_what_cannot_be_cleared_away_for_now_keeps_nobody_from_what_is_whole(
    path: Path, engine: Engine, sessions: SqliteSessionStore
) -> None:
    whole = sessions.add("whole", "test", examples.rows(3))
    with writing(engine) as connection:
        left = {"id": "left", "name": "", "source": "", "created_at": examples.NOON, "held_by": "1:0"}
        connection.execute(insert(sessions_table), left)
    engine.dispose()
    event.listen(engine, "connect", _forbid_writing)

    clear_leftovers(engine, SystemProcesses())

    assert sessions.all() == [whole]
    event.remove(engine, "connect", _forbid_writing)
    engine.dispose()
    clear_leftovers(engine, SystemProcesses())
    with reading(engine) as connection:
        assert connection.execute(select(sessions_table.c.id)).scalars().all() == [whole.id]


def test_no_room_in_the_database_is_a_sentence(path: Path, engine: Engine) -> None:
    engine.dispose()
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA max_page_count = 100"))

    with pytest.raises(StoreError, match="no room left") as refusal:
        SqliteSessionStore(engine, SystemProcesses()).add("s", "test", examples.rows(20_000))

    assert "Make room" in refusal.value.hint
    assert SqliteSessionStore(engine, SystemProcesses()).all() == []
    assert _stored_rows(engine) == 0


def test_a_session_is_found_by_name_id_or_the_start_of_its_id(sessions: SqliteSessionStore) -> None:
    session = sessions.add("ferries", "test", examples.rows(1))
    sessions.add("twins", "test", examples.rows(1))
    sessions.add("twins", "test", examples.rows(2))

    assert sessions.find("ferries") == sessions.find(session.id) == sessions.find(session.id[:9]) == session
    with pytest.raises(UnknownSessionError, match="no session 'ferry'"):
        sessions.find("ferry")
    with pytest.raises(UnknownSessionError, match="2 sessions fit 'twins'"):
        sessions.find("twins")


def test_sessions_are_listed_newest_first(sessions: SqliteSessionStore) -> None:
    for name in ("first", "second", "third"):
        sessions.add(name, "test", examples.rows(1))

    assert [session.name for session in sessions.all()] == ["third", "second", "first"]


def test_a_renamed_session_keeps_its_rows(sessions: SqliteSessionStore) -> None:
    session = sessions.add("old", "test", examples.rows(2))

    renamed = sessions.rename(session.id, "new 🚢")

    assert renamed.name == sessions.get(session.id).name == "new 🚢"
    assert len(list(sessions.rows(session.id))) == 2


def test_a_deleted_session_takes_its_rows_with_it_and_no_run(
    engine: Engine, sessions: SqliteSessionStore
) -> None:
    kept = sessions.add("kept", "test", examples.rows(10))
    session = sessions.add("gone", "test", examples.rows(12_000))
    SqliteRunStore(engine).add(examples.full_run("run-1", session.id))

    sessions.delete(session.id)

    assert sessions.all() == [kept]
    assert _stored_rows(engine) == 10
    assert SqliteRunStore(engine).get(RunId("run-1")).session_id is None


def test_an_unknown_session_is_an_error_for_people(sessions: SqliteSessionStore) -> None:
    nobody = SessionId("nope")

    for ask in (
        lambda: sessions.get(nobody),
        lambda: sessions.rows(nobody),
        lambda: sessions.rename(nobody, "x"),
        lambda: sessions.delete(nobody),
    ):
        with pytest.raises(UnknownSessionError, match="no session nope"):
            ask()


def test_a_name_that_utf8_cannot_spell_is_kept_readable(sessions: SqliteSessionStore) -> None:
    assert sessions.add("caf\udce9.jsonl", "caf\udce9.jsonl", examples.rows(1)).name == "caf?.jsonl"


@pytest.mark.parametrize("make", [making.as_csv, making.as_parquet, making.as_json, making.as_jsonl])
def test_an_import_of_any_format_that_is_killed_leaves_no_half_session(
    path: Path, engine: Engine, tmp_path: Path, make: Callable[..., Path]
) -> None:
    table = make([{"prompt": f"Q{n}", "completion": "A", "n": str(n)} for n in range(3000)], tmp_path / "t")
    hear, tell = children.FORKED.Pipe(duplex=False)
    [importer] = children.start_all(
        children.FORKED, children.import_table_without_end, iter([(path, table, tell)])
    )
    assert hear.poll(60)
    while hear.recv() < 2 * BATCH_ROWS:
        pass
    importer.kill()
    importer.join()
    assert _stored_rows(engine) >= 2 * BATCH_ROWS

    again = open_database(path)

    assert SqliteSessionStore(again, SystemProcesses()).all() == []
    assert _stored_rows(again) == 0


def _wait_for_rows(engine: Engine, count: int) -> None:
    """A batch is written while the next one is read."""
    while _stored_rows(engine) != count:
        pass
