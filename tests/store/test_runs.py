"""Runs: every field comes back, and two processes never undo each other."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from datetime import datetime, timedelta
from math import inf, isnan, nan
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.adapters.sqlite.chats import SqliteChatStore
from app.adapters.sqlite.runs import SqliteRunStore
from app.adapters.sqlite.sessions import SqliteSessionStore
from app.domain.chat import PRESETS
from app.domain.errors import StoreError, UnknownRunError, UnknownSessionError
from app.domain.runs import Run, RunId

from . import children, examples

RUN = RunId("run-1")


def _unchanged(run: Run) -> Run:
    return run


def test_every_field_of_a_run_comes_back(runs: SqliteRunStore, sessions: SqliteSessionStore) -> None:
    session = sessions.add("s", "test", examples.rows(1))
    run = examples.full_run("run-1", session.id)
    plain = examples.run("run-2")
    assert [f.name for f in fields(Run) if getattr(run, f.name) == getattr(plain, f.name)] == []

    runs.add(run)
    runs.add(plain)

    assert runs.get(RUN) == run
    assert runs.get(RunId("run-2")) == plain


def test_times_come_back_in_utc_whatever_zone_they_came_in(runs: SqliteRunStore) -> None:
    runs.add(examples.run(created_at=datetime.fromisoformat("2026-03-01T14:00:00+02:00")))

    assert runs.get(RUN).created_at.isoformat() == "2026-03-01T12:00:00+00:00"
    with pytest.raises(Exception, match="time zone"):
        runs.add(examples.run("run-2", created_at=datetime(2026, 3, 1)))


def test_runs_are_listed_newest_first(runs: SqliteRunStore) -> None:
    for minutes in (2, 1, 3):
        runs.add(examples.run(f"run-{minutes}", created_at=examples.NOON + timedelta(minutes=minutes)))

    assert [run.id for run in runs.all()] == ["run-3", "run-2", "run-1"]


def test_a_run_is_found_by_name_id_or_the_start_of_its_id(runs: SqliteRunStore) -> None:
    for run_id in ("abc1", "abc2", "abc"):
        runs.add(examples.run(run_id, name=f"name {run_id}"))

    assert runs.find("abc").id == "abc"
    assert runs.find("abc2").id == runs.find("name abc2").id == "abc2"
    with pytest.raises(UnknownRunError, match="3 runs fit 'ab'"):
        runs.find("ab")
    for nothing in ("", "%", "name"):
        with pytest.raises(UnknownRunError, match="no run"):
            runs.find(nothing)


def test_an_unknown_run_is_an_error_for_people(runs: SqliteRunStore) -> None:
    for ask in (
        lambda: runs.get(RUN),
        lambda: runs.update(RUN, _unchanged),
        lambda: runs.ingest(RUN, 0, 1, [], [], _unchanged),
    ):
        with pytest.raises(UnknownRunError, match="no run run-1"):
            ask()


def test_a_run_of_a_session_that_is_gone_is_refused(runs: SqliteRunStore) -> None:
    with pytest.raises(UnknownSessionError, match="no session gone"):
        runs.add(examples.run(session_id="gone"))


def test_a_second_run_of_the_same_id_is_refused(runs: SqliteRunStore) -> None:
    runs.add(examples.run())

    with pytest.raises(StoreError, match="already is a run run-1"):
        runs.add(examples.run(name="other"))

    assert runs.get(RUN).name == "name of run-1"


def test_update_returns_what_is_stored(runs: SqliteRunStore) -> None:
    runs.add(examples.run())

    updated = runs.update(RUN, lambda run: replace(run, message="changed", step=7))

    assert updated == runs.get(RUN) == examples.run(message="changed", step=7)
    assert runs.update(RUN, _unchanged) == updated


def test_a_change_that_raises_changes_nothing_and_frees_the_database(runs: SqliteRunStore) -> None:
    runs.add(examples.run())

    with pytest.raises(ZeroDivisionError):
        runs.update(RUN, lambda run: replace(run, step=1 // 0))

    assert runs.update(RUN, lambda run: replace(run, step=2)).step == 2


def test_two_processes_never_undo_each_other(path: Path, runs: SqliteRunStore) -> None:
    runs.add(examples.run())
    start = children.FRESH.Barrier(2)

    children.join(
        *children.start_all(children.FRESH, children.count_steps, ((path, RUN, 150, start) for _ in range(2)))
    )

    assert runs.get(RUN).step == 300


def test_threads_of_one_process_never_undo_each_other(runs: SqliteRunStore) -> None:
    runs.add(examples.run())

    with ThreadPoolExecutor(4) as threads:
        steps = threads.map(
            lambda _: runs.update(RUN, lambda run: replace(run, step=run.step + 1)).step, range(100)
        )

    assert sorted(steps) == list(range(1, 101))


def test_ingest_stores_metrics_events_and_the_new_offset_together(runs: SqliteRunStore) -> None:
    runs.add(examples.run())

    stored = runs.ingest(
        RUN,
        0,
        90,
        [examples.metric(1), examples.metric(2)],
        [examples.event("first"), examples.event("second")],
        lambda run: replace(run, step=2),
    )

    assert stored == runs.get(RUN) == examples.run(step=2, events_offset=90)
    assert runs.metrics(RUN) == [examples.metric(1), examples.metric(2)]
    assert runs.events(RUN) == [examples.event("first"), examples.event("second")]


def test_ingest_stores_nothing_if_another_process_was_faster(runs: SqliteRunStore) -> None:
    runs.add(examples.run(events_offset=90))

    stored = runs.ingest(
        RUN, 0, 90, [examples.metric(1)], [examples.event("again")], lambda run: replace(run, step=1)
    )

    assert stored is None
    assert runs.get(RUN) == examples.run(events_offset=90)
    assert runs.metrics(RUN) == runs.events(RUN) == []


def test_ingest_that_fails_half_way_stores_nothing(runs: SqliteRunStore) -> None:
    runs.add(examples.run())

    with pytest.raises(ZeroDivisionError):
        runs.ingest(
            RUN, 0, 9, [examples.metric(1)], [examples.event("x")], lambda run: replace(run, step=1 // 0)
        )

    assert runs.get(RUN) == examples.run()
    assert runs.metrics(RUN) == runs.events(RUN) == []


def test_two_followers_store_every_line_once(path: Path, runs: SqliteRunStore) -> None:
    runs.add(examples.run())
    start, won = children.FORKED.Barrier(2), children.FORKED.Queue()

    followers = children.start_all(
        children.FORKED, children.ingest_everything, ((path, RUN, 100, start, won) for _ in range(2))
    )
    wins = [won.get(timeout=60) for _ in followers]
    children.join(*followers)

    assert sum(wins) == 100
    assert [event.text for event in runs.events(RUN)] == [f"line {n}" for n in range(100)]
    assert [metric.step for metric in runs.metrics(RUN)] == list(range(100))


def test_a_resumed_run_replaces_the_steps_it_reports_again(runs: SqliteRunStore) -> None:
    runs.add(examples.run())
    runs.ingest(RUN, 0, 1, [examples.metric(step, 3.0) for step in (1, 2, 3)], [], _unchanged)

    runs.ingest(RUN, 1, 2, [examples.metric(step, 2.0) for step in (2, 3, 4)], [], _unchanged)

    assert [(m.step, m.loss) for m in runs.metrics(RUN)] == [(1, 3.0), (2, 2.0), (3, 2.0), (4, 2.0)]
    assert [m.step for m in runs.metrics(RUN, after_step=2)] == [3, 4]


def test_a_loss_that_is_no_number_is_kept(runs: SqliteRunStore) -> None:
    runs.add(examples.run())

    runs.ingest(RUN, 0, 1, [examples.metric(1, nan), examples.metric(2, inf)], [], _unchanged)

    first, second = runs.metrics(RUN)
    assert isnan(first.loss)
    assert second.loss == inf


def test_only_the_newest_events_are_read(runs: SqliteRunStore) -> None:
    runs.add(examples.run())
    runs.ingest(RUN, 0, 1, [], [examples.event(str(n)) for n in range(20)], _unchanged)

    assert [event.text for event in runs.events(RUN, last=3)] == ["17", "18", "19"]


def test_tens_of_thousands_of_steps_are_one_ingest(runs: SqliteRunStore) -> None:
    runs.add(examples.run())

    runs.ingest(RUN, 0, 1, [examples.metric(step) for step in range(30_000)], [], _unchanged)

    assert len(runs.metrics(RUN)) == 30_000


def test_a_deleted_run_takes_all_that_is_its_own(engine: Engine, runs: SqliteRunStore) -> None:
    chats = SqliteChatStore(engine)
    for run_id in (RUN, RunId("other")):
        runs.add(examples.run(run_id))
        runs.ingest(run_id, 0, 1, [examples.metric(1)], [examples.event("x")], _unchanged)
        chats.add(run_id, "tuned", "Hi", "Hello", PRESETS["Balanced"])

    runs.delete(RUN)

    assert [run.id for run in runs.all()] == ["other"]
    assert (runs.metrics(RUN), runs.events(RUN), chats.turns(RUN)) == ([], [], [])
    other = RunId("other")
    assert (len(runs.metrics(other)), len(runs.events(other)), len(chats.turns(other))) == (1, 1, 1)
