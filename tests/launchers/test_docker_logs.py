"""The copy of a container's log: every line once, whoever copies, however often, after whatever broke off."""

import random
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.adapters.docker_logs import append_new_lines

START = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()


class EngineLog:
    """What an engine keeps of a container's output, told as its API tells it."""

    def __init__(self) -> None:
        self.pieces: list[tuple[int, bytes]] = []

    def add(self, seconds: float, text: str) -> None:
        self.pieces.append((round((START + seconds) * 1e6) * 1000, text.encode()))

    def read(self, since: float | None) -> Iterator[bytes]:
        for nanoseconds, text in list(self.pieces):
            if since is None or nanoseconds >= since * 1e9:
                yield stamp(nanoseconds).encode() + b" " + text


def stamp(nanoseconds: int) -> str:
    whole, rest = divmod(nanoseconds, 10**9)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


@pytest.fixture
def engine() -> EngineLog:
    return EngineLog()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.txt"


@pytest.fixture
def copy(engine: EngineLog, path: Path) -> Callable[..., None]:
    def once(*, ended: bool = False) -> None:
        append_new_lines(path, engine.read, ended=ended)

    return once


def texts(path: Path) -> list[str]:
    """The lines of the copy without their stamps."""
    return [line[31:] for line in path.read_bytes().decode().split("\n")[:-1]]


def test_every_line_carries_the_engines_stamp(engine, path, copy):
    engine.add(1.5, "hello\n")

    copy()

    assert path.read_text() == "2026-03-01T12:00:01.500000000Z hello\n"


def test_copying_as_the_log_grows_gives_every_line_once(engine, path, copy):
    dice = random.Random(7)
    now = 0.0
    for number in range(3000):
        now += dice.choice([0, 0.00001, 0.01, 3])  # also equal stamps
        engine.add(now, f"line {number}\n")
        if dice.random() < 0.05:
            copy()
    copy(ended=True)

    assert texts(path) == [f"line {number}" for number in range(3000)]


def test_equal_lines_of_one_moment_are_all_kept(engine, path, copy):
    engine.add(1, "same\n")
    copy()
    engine.add(1, "same\n")
    engine.add(1, "same\n")

    copy()
    copy()

    assert texts(path) == ["same"] * 3


def test_a_line_of_the_other_stream_with_an_earlier_stamp_is_not_lost(engine, path, copy):
    engine.add(10.0005, "out\n")
    copy()
    engine.add(10.0001, "err\n")

    copy()
    copy()

    assert texts(path) == ["out", "err"]


def test_a_line_torn_by_a_crash_is_made_whole(engine, path, copy):
    for number in range(5):
        engine.add(number, f"line {number}\n")
    copy()
    whole = path.read_bytes()
    for cut in (1, 12, 40, len(whole) - 3):
        path.write_bytes(whole[:-cut])

        copy()

        assert path.read_bytes() == whole


def test_a_long_line_in_pieces_is_one_line(engine, path, copy):
    engine.add(1, "a" * 16384)
    engine.add(1, "b" * 16384)
    engine.add(1, "c\n")
    engine.add(2, "next\n")

    copy()
    copy(ended=True)

    assert texts(path) == ["a" * 16384 + "b" * 16384 + "c", "next"]


def test_last_words_without_a_newline_are_kept_once(engine, path, copy):
    engine.add(1, "line\n")
    engine.add(2, "last words")

    copy(ended=True)
    copy(ended=True)

    assert texts(path) == ["line", "last words"]


def test_a_progress_bar_is_one_line(engine, path, copy):
    engine.add(1, "10%\r20%\r30%\n")

    copy()
    copy()

    assert texts(path) == ["10%\r20%\r30%"]


def test_a_log_larger_than_one_block_goes_on_where_it_was(engine, path, copy):
    for number in range(4000):
        engine.add(number / 1000, f"line {number} {'x' * 60}\n")
    copy()
    engine.add(4, "new\n")

    copy()

    assert len(texts(path)) == 4001
    assert len(set(texts(path))) == 4001


def test_what_the_app_itself_noted_stays(engine, path, copy):
    path.write_text("[tunewright] a note\n")
    engine.add(1, "line\n")

    copy()
    copy()

    assert path.read_text().splitlines() == ["[tunewright] a note", "2026-03-01T12:00:01.000000000Z line"]


def test_after_the_clock_was_set_back_nothing_is_missing_in_the_end(engine, path, copy):
    engine.add(3600, "before\n")
    copy()
    engine.add(1, "after\n")
    copy()

    copy(ended=True)

    assert texts(path) == ["before", "after"]


def test_many_who_copy_at_once_write_nothing_twice(engine, path, copy):
    for number in range(2000):
        engine.add(number / 100, f"line {number}\n")
    copiers = [threading.Thread(target=copy) for _ in range(8)]

    for copier in copiers:
        copier.start()
    for copier in copiers:
        copier.join()

    assert texts(path) == [f"line {number}" for number in range(2000)]


def test_an_engine_that_breaks_off_leaves_whole_lines_to_go_on_from(engine, path, copy):
    for number in range(100):
        engine.add(number, f"line {number}\n")

    def breaks_off(since: float | None) -> Iterator[bytes]:
        for number, piece in enumerate(engine.read(since)):
            if number == 50:
                raise ConnectionError
            yield piece

    with pytest.raises(ConnectionError):
        append_new_lines(path, breaks_off, ended=False)
    copy()

    assert texts(path) == [f"line {number}" for number in range(100)]
