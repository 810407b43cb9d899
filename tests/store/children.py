"""What tests let other processes do to a database."""

import multiprocessing
import os
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import count
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from app.adapters.processes import SystemProcesses
from app.adapters.row_sources import RowSources
from app.adapters.sqlite.engine import open_database
from app.adapters.sqlite.runs import SqliteRunStore
from app.adapters.sqlite.sessions import SqliteSessionStore
from app.domain.errors import StaleSessionError, StudioError
from app.domain.runs import RunId
from app.domain.sessions import RowChange, SessionId, SessionRow
from app.services.row_files import write_rows
from trainer_image.rows import Row

from . import examples

FRESH = multiprocessing.get_context("spawn")
"""Processes that share nothing with the test, like a second window of the app."""
FORKED = multiprocessing.get_context("fork")
"""Quick to start; for what must happen to a process of its own, like losing rights."""
NOBODY = 65534


def open_at_once(path: Path, start: Barrier, outcome: Any) -> None:
    start.wait()
    outcome.put(_sentence(lambda: open_database(path).dispose()))


def count_steps(path: Path, run_id: RunId, times: int, start: Barrier) -> None:
    runs = SqliteRunStore(open_database(path))
    start.wait()
    for _ in range(times):
        runs.update(run_id, lambda run: replace(run, step=run.step + 1))


def ingest_everything(path: Path, run_id: RunId, lines: int, start: Barrier, won: Any) -> None:
    """Follow an imaginary events.jsonl of one byte a line, as two windows of the app do."""
    runs = SqliteRunStore(open_database(path))
    start.wait()
    wins = 0
    while (offset := runs.get(run_id).events_offset) < lines:
        stored = runs.ingest(
            run_id,
            offset,
            offset + 1,
            [examples.metric(offset)],
            [examples.event(f"line {offset}")],
            lambda run: run,
        )
        wins += stored is not None
    won.put(wins)


def import_without_end(path: Path, told: Connection) -> None:
    sessions = SqliteSessionStore(open_database(path), SystemProcesses())
    endless = (row for _ in count() for row in examples.rows(1000))
    sessions.add("half", "endless", endless, progress=told.send)


def import_rows(path: Path, name: str, rows: int, start: Barrier) -> None:
    sessions = SqliteSessionStore(open_database(path), SystemProcesses())
    start.wait()
    sessions.add(name, "child", examples.rows(rows))


def append_until_stored(path: Path, session_id: SessionId, name: str, times: int, start: Barrier) -> None:
    """Whoever is told that the session has moved on looks again, as a person would."""
    sessions = SqliteSessionStore(open_database(path), SystemProcesses())
    start.wait()
    for n in range(times):
        row = Row(1, examples.messages(f"{name}{n}"), {"file": f"{name}{n}"})
        while True:
            seen = sessions.get(session_id)
            with suppress(StaleSessionError):
                sessions.change(seen, [RowChange(seen.row_count, row, is_new=True)], "appended")
                break


def change_without_end(path: Path, session_id: SessionId, told: Connection) -> None:
    sessions = SqliteSessionStore(open_database(path), SystemProcesses())
    endless = (RowChange(3, row, is_new=True) for _ in count() for row in examples.rows(1000))
    sessions.change(sessions.get(session_id), endless, "never", progress=_counting(told))


def _counting(told: Connection) -> Callable[[int], None]:
    """Progress as a count of calls, each 500 changes."""
    calls = count(0, 500)
    return lambda _: told.send(next(calls))


def export_without_end(path: Path, told: Connection) -> None:
    messages = examples.messages("Does it end?")
    endless = (SessionRow(n, n, messages) for n in count())
    write_rows(path, endless, overwrite=True, progress=told.send)


def add_run(path: Path, run_id: str) -> None:
    SqliteRunStore(open_database(path)).add(examples.run(run_id))


def open_as_nobody(path: Path, outcome: Any) -> None:
    _give_up_rights()
    outcome.put(_sentence(lambda: open_database(path).dispose()))


def read_as_nobody(path: Path, outcome: Any) -> None:
    _give_up_rights()
    outcome.put(_sentence(lambda: RowSources().read_file(path)))


def read_hub(requests: list[tuple[str, str, str | None]], token: str | None, outcome: Any) -> None:
    """For each request: the sentence or "ok", and the rows as (line, question or reason)."""
    answers = []
    for request in requests:
        rows: list[tuple[int, str]] = []
        sentence = _sentence(partial(_collect, request, token, rows))
        answers.append((sentence, rows))
    outcome.put((answers, "torch" in sys.modules))


def _collect(request: tuple[str, str, str | None], token: str | None, rows: list[tuple[int, str]]) -> None:
    for row in RowSources().read_hub(*request, token=token):
        said = row.messages[0]["content"] if isinstance(row, Row) else row.reason
        rows.append((row.line, said))


def import_with_room_for(megabytes: int, path: Path, outcome: Any) -> None:
    """A limit on the size of files stands in for a disk that fills up in the middle."""
    sessions = SqliteSessionStore(open_database(path), SystemProcesses())
    resource.setrlimit(resource.RLIMIT_FSIZE, (megabytes * 1024**2, megabytes * 1024**2))
    outcome.put(_sentence(lambda: sessions.add("too big", "test", examples.rows(100_000))))


def join(*processes: Any) -> None:
    for process in processes:
        process.join(60)
        assert process.exitcode == 0


def start_all(context: Any, target: Callable[..., None], arguments: Iterator[tuple[Any, ...]]) -> list[Any]:
    started = [context.Process(target=target, args=args, daemon=True) for args in arguments]
    for process in started:
        process.start()
    return started


def _give_up_rights() -> None:
    """Rights do not bind root, so it becomes somebody else."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def _sentence(attempt: Callable[[], Any]) -> str:
    """What a person would be told; "ok" if it went well."""
    try:
        attempt()
    except StudioError as error:
        return str(error)
    return "ok"
