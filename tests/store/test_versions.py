"""Versions: any change of rows is a new one, older ones stay, and each is named by the hash of its rows."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select

from app.adapters.processes import SystemProcesses
from app.adapters.sqlite import session_hashes
from app.adapters.sqlite.engine import open_database
from app.adapters.sqlite.schema import session_rows, version_ranges
from app.adapters.sqlite.session_edits import COPIED_GAP_ROWS
from app.adapters.sqlite.sessions import SqliteSessionStore
from app.adapters.sqlite.transactions import reading, writing
from app.domain.errors import StaleSessionError, UnknownSessionError
from app.domain.finding import RowFilter
from app.domain.sessions import RowChange, Session
from trainer_image.rows import Row

from . import children, examples

Questions = list[str]


def row(question: str) -> Row:
    return Row(7, examples.messages(question), {"file": question})


def afresh(questions: Questions) -> str:
    """The hash of an exported file with these rows."""
    lines = [json.dumps({"messages": examples.messages(q)}, ensure_ascii=False) + "\n" for q in questions]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def read(store: SqliteSessionStore, session: Session, version: int | None = None) -> Questions:
    found = list(store.rows(session.id, version=version))
    assert [r.position for r in found] == list(range(len(found)))
    assert all(r.meta == {"file": r.messages[0]["content"]} for r in found)
    return [r.messages[0]["content"] for r in found]


def count(engine: Engine, table: Any) -> int:
    with reading(engine) as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


@dataclass(frozen=True)
class Edit:
    """Positions as shares of the length, so that any list can be drawn before the length is known."""

    kind: str
    places: tuple[float, ...]
    version: float = 0.0


_edits = st.lists(
    st.builds(
        Edit,
        st.sampled_from(["replace", "remove", "insert", "append", "append session", "restore", "mixed"]),
        st.lists(st.floats(0, 0.999), min_size=1, max_size=6).map(tuple),
        st.floats(0, 0.999),
    ),
    min_size=1,
    max_size=8,
)


def changes_of(edit: Edit, rows: Questions, number: int) -> list[RowChange]:
    places = sorted({int(place * (len(rows) + 1)) for place in edit.places})
    made: list[RowChange] = []
    for n, place in enumerate(places):
        kind = ("replace", "remove", "insert")[n % 3] if edit.kind == "mixed" else edit.kind
        new = row(f"{number}.{n}")
        if kind == "insert":
            made.append(RowChange(place, new, is_new=True))
        elif kind == "append":
            made.append(RowChange(len(rows), new, is_new=True))
        elif place < len(rows):
            made.append(RowChange(place, new if kind == "replace" else None))
    return sorted(made, key=lambda change: change.position)


def changed(rows: Questions, changes: list[RowChange]) -> Questions:
    """The same on a list."""
    done = list(rows)
    for change in reversed(changes):
        end = change.position + (not change.is_new)
        done[change.position : end] = [change.row.messages[0]["content"]] if change.row else []
    return done


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteSessionStore]:
    engine = open_database(tmp_path_factory.mktemp("versions") / "tunewright.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            session_hashes, "STEP_ROWS", 7
        )  # the state of a hash is used again in small sessions too
        yield SqliteSessionStore(engine, SystemProcesses())
    engine.dispose()


@settings(max_examples=40, deadline=None)
@given(size=st.integers(0, 90), edits=_edits)
def test_any_changes_are_those_of_a_list_version_by_version(
    shared: SqliteSessionStore, size: int, edits: list[Edit]
) -> None:
    other = ["from another session", "its second row"]
    second = shared.add("other", "test", iter(map(row, other)))
    history = [[str(n) for n in range(size)]]
    session = shared.add("any", "test", iter(map(row, history[0])))

    for number, edit in enumerate(edits):
        rows = history[-1]
        if edit.kind == "restore":
            version = int(edit.version * len(history)) + 1
            session = shared.restore(session, version)
            history.append(history[version - 1])
        elif edit.kind == "append session":
            session = shared.append(session, second)
            history.append(rows + other)
        else:
            changes = changes_of(edit, rows, number)
            session = shared.change(session, iter(changes), "edited")
            history.append(changed(rows, changes))

    kept = shared.versions(session.id)
    assert [one.version for one in kept] == list(range(len(history), 0, -1))
    for version, rows in enumerate(history, start=1):
        assert read(shared, session, version) == rows
        assert kept[-version].content_hash == afresh(rows)
        assert kept[-version].row_count == len(rows)
    assert (session.content_hash, session.row_count) == (afresh(history[-1]), len(history[-1]))


def test_any_page_of_a_changed_session_is_the_page_of_its_list(sessions: SqliteSessionStore) -> None:
    rows = [str(n) for n in range(200)]
    session = sessions.add("s", "test", iter(map(row, rows)))
    changes = [RowChange(n, row(f"new {n}") if n % 2 else None) for n in range(0, 200, 3)]

    session = sessions.change(session, changes, "edited")

    expected = changed(rows, changes)
    for start in range(0, len(expected) + 3, 7):
        page = list(sessions.rows(session.id, start=start, limit=25))
        assert [r.messages[0]["content"] for r in page] == expected[start : start + 25]


def test_changing_one_row_of_many_writes_one(engine: Engine, sessions: SqliteSessionStore) -> None:
    session = sessions.add("s", "test", map(row, map(str, range(20_000))))

    sessions.change(session, [RowChange(11_111, row("new"))], "edited")

    assert count(engine, session_rows) == 20_001
    assert count(engine, version_ranges) == 1 + 3


def test_changing_every_tenth_row_leaves_one_range_not_thousands(
    engine: Engine, sessions: SqliteSessionStore
) -> None:
    session = sessions.add("s", "test", map(row, map(str, range(5_000))))

    sessions.change(session, (RowChange(n, row("new")) for n in range(10, 5_000, 10)), "edited")

    assert COPIED_GAP_ROWS > 10
    assert count(engine, version_ranges) == 1 + 3


def test_an_append_reads_nothing_of_what_was_hashed_before(sessions: SqliteSessionStore) -> None:
    session = sessions.add("s", "test", map(row, map(str, range(20_000))))
    session = sessions.change(session, [RowChange(20_000, row("first"), is_new=True)], "appended")
    told: list[int] = []

    change = RowChange(20_001, row("second"), is_new=True)
    session = sessions.change(session, [change], "appended", progress=told.append)

    assert told == [20_002]
    assert session.content_hash == afresh([*map(str, range(20_000)), "first", "second"])


def test_who_changes_what_somebody_else_changed_meanwhile_is_told_and_nothing_is_lost(
    engine: Engine, sessions: SqliteSessionStore
) -> None:
    seen = sessions.add("s", "test", map(row, "abc"))
    sessions.change(seen, [RowChange(0, row("A"))], "edited")

    with pytest.raises(StaleSessionError, match="changed elsewhere"):
        sessions.change(seen, [RowChange(0, row("mine"))], "edited")

    assert read(sessions, seen) == ["A", "b", "c"]
    assert count(engine, session_rows) == 4


def test_two_processes_that_change_at_once_both_succeed_when_they_look_again(
    path: Path, sessions: SqliteSessionStore
) -> None:
    session = sessions.add("s", "test", map(row, ["start"]))
    start = children.FORKED.Barrier(2)

    children.join(
        *children.start_all(
            children.FORKED,
            children.append_until_stored,
            ((path, session.id, name, 10, start) for name in ("a", "b")),
        )
    )

    assert sorted(read(sessions, session)[1:]) == sorted(f"{name}{n}" for name in "ab" for n in range(10))
    assert sessions.get(session.id).version == 21


def test_a_change_that_is_killed_leaves_the_session_and_the_database_whole(
    path: Path, engine: Engine, sessions: SqliteSessionStore
) -> None:
    session = sessions.add("s", "test", map(row, "abc"))
    hear, tell = children.FRESH.Pipe(duplex=False)
    [editor] = children.start_all(
        children.FRESH, children.change_without_end, iter([(path, session.id, tell)])
    )
    assert hear.poll(60)
    while hear.recv() < 5_000:
        pass
    editor.kill()
    editor.join()
    assert count(engine, session_rows) > 3

    again = open_database(path)

    store = SqliteSessionStore(again, SystemProcesses())
    assert store.all() == [session]
    assert read(store, session) == ["a", "b", "c"]
    assert count(again, session_rows) == 3
    with reading(again) as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    again.dispose()


def test_a_change_whose_rows_break_leaves_nothing_behind(
    engine: Engine, sessions: SqliteSessionStore
) -> None:
    session = sessions.add("s", "test", map(row, "abc"))

    def breaking() -> Iterator[RowChange]:
        yield RowChange(0, row("new"))
        raise LookupError

    with pytest.raises(LookupError):
        sessions.change(session, breaking(), "edited")

    assert sessions.get(session.id) == session
    assert count(engine, session_rows) == 3


def test_a_copy_shares_its_rows_and_outlives_what_it_was_copied_from(
    engine: Engine, sessions: SqliteSessionStore
) -> None:
    first = sessions.add("first", "test", map(row, "abc"))
    first = sessions.change(first, [RowChange(1, row("B"))], "edited")

    copy = sessions.duplicate(first, "copy")
    assert count(engine, session_rows) == 4
    copy = sessions.change(copy, [RowChange(2, None)], "deleted")
    sessions.delete(first.id)

    assert [one.id for one in sessions.all()] == [copy.id]
    assert read(sessions, copy) == ["a", "B"]
    assert read(sessions, copy, 1) == ["a", "B", "c"]
    sessions.delete(copy.id)
    assert count(engine, session_rows) == 0


def test_appended_rows_outlive_the_session_they_came_from(
    engine: Engine, sessions: SqliteSessionStore
) -> None:
    first, second = (sessions.add(name, "test", map(row, name)) for name in ("ab", "cd"))

    first = sessions.append(first, second)
    sessions.delete(second.id)

    assert read(sessions, first) == ["a", "b", "c", "d"]
    assert read(sessions, first, 1) == ["a", "b"]
    assert [one.id for one in sessions.all()] == [first.id]


def test_what_a_killed_delete_left_goes_when_the_database_is_opened(
    path: Path, engine: Engine, sessions: SqliteSessionStore
) -> None:
    first = sessions.add("first", "test", map(row, "abc"))
    sessions.change(first, [RowChange(1, row("B"))], "edited")
    with writing(engine) as connection:
        connection.exec_driver_sql("UPDATE sessions SET held_by = '0:0' WHERE name = 'first'")
        connection.exec_driver_sql("DELETE FROM session_versions")

    again = open_database(path)

    assert count(again, session_rows) == 0
    again.dispose()


def test_a_deleted_session_comes_back_until_it_is_purged(
    engine: Engine, sessions: SqliteSessionStore
) -> None:
    kept, gone = (sessions.add(name, "test", map(row, "abc")) for name in ("kept", "gone"))

    for session in (kept, gone):
        sessions.hide(session.id)
    assert sessions.all() == []
    assert [one.name for one in sessions.deleted()] == ["gone", "kept"]
    with pytest.raises(UnknownSessionError):
        sessions.change(kept, [RowChange(0, None)], "deleted")

    assert sessions.undelete(kept.id) == kept
    moment = sessions.deleted()[0].deleted_at
    assert moment is not None
    assert sessions.purge(moment) == 0
    assert sessions.purge(examples.NOON.replace(year=2999)) == 1
    assert sessions.all() == [kept]
    assert count(engine, session_rows) == 3


def test_a_session_that_is_gone_is_not_called_one_without_that_version(sessions: SqliteSessionStore) -> None:
    session = sessions.add("s", "test", map(row, "abc"))
    sessions.delete(session.id)

    for ask in (
        lambda: sessions.restore(session, 1),
        lambda: sessions.find_rows(session.id, RowFilter(), version=1),
    ):
        with pytest.raises(UnknownSessionError, match=f"There is no session {session.id}"):
            ask()


def test_a_version_there_is_not_is_said(sessions: SqliteSessionStore) -> None:
    session = sessions.add("s", "test", map(row, "abc"))

    for ask in (lambda: sessions.restore(session, 2), lambda: sessions.rows(session.id, version=2)):
        with pytest.raises(UnknownSessionError, match="no version 2"):
            ask()
