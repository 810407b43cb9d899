"""Rows are found through the index or row by row: the same ones."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from app.adapters.processes import SystemProcesses
from app.adapters.sqlite.engine import open_database
from app.adapters.sqlite.search_index import SearchIndex
from app.adapters.sqlite.session_search import INDEXED_FROM_ROWS
from app.adapters.sqlite.sessions import SqliteSessionStore
from app.domain.errors import StudioError
from app.domain.finding import RowFilter
from app.domain.sessions import RowChange, Session
from trainer_image.rows import Row

from . import examples

MANY = INDEXED_FROM_ROWS + 1_500
WORDS = ["harbour", "ferry", "tide", "Überfahrt", "渡り鳥", "rope", "🚢", "bell"]


def row(question: str, **message: object) -> Row:
    first, second = examples.messages(question)
    return Row(1, ({**first, **message}, second))


def quiet(_: int) -> None: ...


@pytest.fixture
def large(sessions: SqliteSessionStore) -> Session:
    dice = random.Random(4)
    questions = (f"{n}: " + " ".join(dice.choices(WORDS, k=4)) for n in range(MANY - 3))
    odd = (
        row("cut \ud83d emoji and zebra"),
        row("x", reasoning_content="I saw a zebra"),
        row("x", tool_calls=[{"type": "function", "function": {"name": "zebra", "arguments": {"a": 1}}}]),
    )
    return sessions.add("large", "test", iter((*map(row, questions), *odd)))


def positions(store: SqliteSessionStore, session: Session, text: str) -> list[int]:
    """All, by pages of seven."""
    found: list[int] = []
    start: int | None = 0
    while start is not None:
        page = store.find_rows(session.id, RowFilter(text=text), start=start, limit=7)
        found += [r.position for r in page.rows]
        start = page.next_start if len(found) < 40 else None
    return found


def test_the_index_finds_what_reading_every_row_finds(
    sessions: SqliteSessionStore, large: Session, engine: Engine
) -> None:
    texts = [
        "zebra",
        "ZEBRA",
        "überfahrt",
        "渡り鳥 ro",
        "6123: ",
        "tide 🚢",
        "arguments",
        '"name":"zebra"',
        "r",
        "nowhere",
    ]
    slowly = {text: positions(sessions, large, text) for text in texts}

    sessions.make_search_index(large.id, quiet)

    assert sessions.search_state(large.id).is_ready
    assert {text: positions(sessions, large, text) for text in texts} == slowly
    assert slowly["zebra"] == slowly["ZEBRA"] == [MANY - 3, MANY - 2, MANY - 1]
    assert len(slowly["überfahrt"]) >= 40


def test_a_rare_word_is_found_through_the_index_without_reading_the_rest(
    sessions: SqliteSessionStore, large: Session, engine: Engine
) -> None:
    sessions.make_search_index(large.id, quiet)
    ticks: list[int] = []

    sessions.find_rows(large.id, RowFilter(text="6123: "), tick=ticks.append)

    assert len(ticks) == 1


def test_an_index_half_made_finds_everything_and_goes_on_where_it_was(
    sessions: SqliteSessionStore, large: Session
) -> None:
    with pytest.raises(StudioError, match="stopped"):
        sessions.make_search_index(large.id, _stops_after(1))
    half = sessions.search_state(large.id)
    found = positions(sessions, large, "zebra")
    told: list[int] = []
    sessions.make_search_index(large.id, told.append)

    assert (half.indexed, half.total, half.is_ready) == (5_000, MANY, False)
    assert found == [MANY - 3, MANY - 2, MANY - 1]
    assert told == [5_000]


def _stops_after(times: int) -> Callable[[int], None]:
    """As a person who leaves in the middle."""
    left = iter(range(times))

    def tick(_: int) -> None:
        if next(left, None) is None:
            raise StudioError("stopped")

    return tick


def test_what_was_changed_after_the_index_was_made_is_found_where_it_stands_now(
    sessions: SqliteSessionStore, large: Session
) -> None:
    sessions.make_search_index(large.id, quiet)
    changes = [RowChange(0, None), RowChange(10, row("a new zebra")), RowChange(MANY - 1, None)]

    after = sessions.change(large, changes, "edited")

    assert positions(sessions, after, "zebra") == [9, MANY - 4, MANY - 3]
    old = sessions.find_rows(large.id, RowFilter(text="zebra"), version=1)
    assert [r.position for r in old.rows] == [MANY - 3, MANY - 2, MANY - 1]


def test_in_a_session_cut_to_pieces_by_changes_the_index_is_asked_piece_by_piece(
    sessions: SqliteSessionStore, large: Session
) -> None:
    sessions.make_search_index(large.id, quiet)
    after = sessions.change(large, [RowChange(n, row("new")) for n in range(0, MANY, 500)], "edited")
    ticks: list[int] = []

    found = sessions.find_rows(after.id, RowFilter(text="6123: "), tick=ticks.append)

    assert [r.position for r in found.rows] == [6123]
    assert len(ticks) == 1 + len(range(0, MANY, 500))  # the row, and each new one, which no index has


def test_the_index_is_a_file_that_may_be_deleted(
    path: Path, sessions: SqliteSessionStore, large: Session
) -> None:
    sessions.make_search_index(large.id, quiet)
    [file] = path.parent.glob("*-search.db")
    for one in path.parent.glob("*-search.db*"):
        one.unlink()

    again = SqliteSessionStore(open_database(path), SystemProcesses())

    assert file.name == "tunewright-search.db"
    assert again.search_state(large.id).indexed == 0
    assert positions(again, large, "zebra") == [MANY - 3, MANY - 2, MANY - 1]


def test_an_index_of_another_database_is_not_believed(
    path: Path, sessions: SqliteSessionStore, large: Session
) -> None:
    index = SearchIndex(path.with_name("tunewright-search.db"))
    index.add(1, "another session's id", 0, ["zebra"] * MANY)

    assert sessions.search_state(large.id).indexed == 0
    sessions.make_search_index(large.id, quiet)
    assert positions(sessions, large, "zebra") == [MANY - 3, MANY - 2, MANY - 1]


def test_without_an_index_the_reason_is_told_and_everything_is_found(
    path: Path, sessions: SqliteSessionStore, large: Session
) -> None:
    path.with_name("tunewright-search.db").write_bytes(b"no database " * 1000)

    sessions.make_search_index(large.id, quiet)

    assert "cannot be made" in sessions.search_state(large.id).problem
    assert positions(sessions, large, "zebra") == [MANY - 3, MANY - 2, MANY - 1]


def test_a_small_session_needs_no_index(sessions: SqliteSessionStore, engine: Engine) -> None:
    session = sessions.add("small", "test", examples.rows(3))
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda c, cu, sql, *_: asked.append(sql))

    sessions.make_search_index(session.id, quiet)

    assert sessions.search_state(session.id).is_ready
    assert not any("json_each" in sql for sql in asked)


def test_letters_that_only_python_makes_small_are_found_row_by_row(sessions: SqliteSessionStore) -> None:
    said = ["0 \u212aelvin", "KELVIN", "celsius", "ÜBER kelvin", "cut \ud83d KELVIN"]
    small = sessions.add("small", "test", map(row, said))

    assert positions(sessions, small, "kelvin") == [0, 1, 3, 4]
    assert positions(sessions, small, "über") == [3]
    assert positions(sessions, small, "fahrenheit") == []
