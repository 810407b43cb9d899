"""Runs, their metrics and their timeline."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

from sqlalchemy import Connection, Engine, delete, insert, select, text, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.exc import IntegrityError

from app.adapters.sqlite.finding import the_one
from app.adapters.sqlite.run_record import from_record, to_record
from app.adapters.sqlite.schema import events as event_table
from app.adapters.sqlite.schema import metrics as metric_table
from app.adapters.sqlite.schema import runs
from app.adapters.sqlite.transactions import reading, writing
from app.domain.errors import StoreError, UnknownRunError, UnknownSessionError
from app.domain.runs import Metric, Run, RunEvent, RunId, RunStatus

_GOING: Final = tuple(status.value for status in RunStatus if not status.is_final)


class SqliteRunStore:
    """RunStore on SQLite. Every method may be called from any thread and from several processes.

    The `change` of `update` and `ingest` runs while no other process can write: it must be quick and must
    not use a store itself.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, run: Run) -> None:
        """Raises StoreError if there is a run of that id, UnknownSessionError if its session is gone."""
        try:
            with writing(self._engine) as connection:
                connection.execute(insert(runs), to_record(run))
        except IntegrityError as error:
            raise _why_refused(error, run) from error

    def get(self, run_id: RunId) -> Run:
        with reading(self._engine) as connection:
            return _read(connection, run_id)

    def find(self, prefix: str) -> Run:
        return the_one(self.all(), prefix, "run", UnknownRunError)

    def all(self) -> Sequence[Run]:
        query = select(runs).order_by(runs.c.created_at.desc(), runs.c.number.desc())
        with reading(self._engine) as connection:
            return [from_record(record) for record in connection.execute(query).mappings()]

    def update(self, run_id: RunId, change: Callable[[Run], Run]) -> Run:
        with writing(self._engine) as connection:
            before = _read(connection, run_id)
            after = change(before)
            if after != before:
                _write(connection, run_id, after)
            return after

    def decide(self, change: Callable[[Sequence[Run]], Iterable[Run]]) -> Sequence[Run]:
        going = select(runs).where(runs.c.status.in_(_GOING)).order_by(runs.c.number)
        with writing(self._engine) as connection:
            before = [from_record(record) for record in connection.execute(going).mappings()]
            changed = list(change(before))
            for run in changed:
                _read(connection, run.id)
                _write(connection, run.id, run)
            return changed

    def ingest(
        self,
        run_id: RunId,
        offset: int,
        end: int,
        metrics: Sequence[Metric],
        events: Sequence[RunEvent],
        change: Callable[[Run], Run],
    ) -> Run | None:
        with writing(self._engine) as connection:
            before = _read(connection, run_id)
            if before.events_offset != offset:
                return None
            _store_metrics(connection, run_id, metrics)
            if events:
                connection.execute(insert(event_table), [{"run_id": run_id, **asdict(e)} for e in events])
            after = replace(change(before), events_offset=end)
            _write(connection, run_id, after)
            return after

    def metrics(self, run_id: RunId, *, after_step: int = -1) -> Sequence[Metric]:
        table = metric_table.c
        query = select(*(table[name] for name in Metric.__dataclass_fields__))
        query = query.where(table.run_id == run_id, table.step > after_step).order_by(table.step)
        with reading(self._engine) as connection:
            return [Metric(*record) for record in connection.execute(query)]

    def go_back(self, run_id: RunId, step: int) -> None:
        metric, event = metric_table.c, event_table.c
        measured = event.type.in_(("evaluation", "sample"))
        with writing(self._engine) as connection:
            connection.execute(delete(metric_table).where(metric.run_id == run_id, metric.step > step))
            connection.execute(delete(event_table).where(event.run_id == run_id, measured, event.step > step))

    def outline(self, run_id: RunId, steps: Sequence[int]) -> Sequence[float]:
        # One look into the primary key a step, whatever the length of the run.
        query = text(
            "SELECT (SELECT loss FROM metrics WHERE run_id = :run AND step >= wanted.value"
            " ORDER BY step LIMIT 1) AS loss FROM json_each(:steps) AS wanted ORDER BY wanted.key"
        )
        with reading(self._engine) as connection:
            found = connection.execute(query, {"run": run_id, "steps": json.dumps(list(steps))})
            return [loss for (loss,) in found if loss is not None]

    def events(self, run_id: RunId, *, last: int = 500, of_type: str = "") -> Sequence[RunEvent]:
        table = event_table.c
        query = select(*(table[name] for name in RunEvent.__dataclass_fields__)).where(table.run_id == run_id)
        if of_type:
            query = query.where(table.type == of_type)
        query = query.order_by(table.number.desc()).limit(last)
        with reading(self._engine) as connection:
            return [RunEvent(*record) for record in connection.execute(query)][::-1]

    def delete(self, run_id: RunId) -> None:
        """Does nothing if there is no such run."""
        with writing(self._engine) as connection:
            connection.execute(delete(runs).where(runs.c.id == run_id))


def _read(connection: Connection, run_id: RunId) -> Run:
    record = connection.execute(select(runs).where(runs.c.id == run_id)).mappings().one_or_none()
    if record is None:
        raise UnknownRunError(f"There is no run {run_id}.", "It may have been deleted.")
    return from_record(record)


def _write(connection: Connection, run_id: RunId, run: Run) -> None:
    # Not the id, even unchanged: SQLite would visit every metric that refers to it (20 ms at 10^5 steps).
    record = {name: value for name, value in to_record(run).items() if name != "id"}
    connection.execute(update(runs).where(runs.c.id == run_id), record)


def _store_metrics(connection: Connection, run_id: RunId, metrics: Sequence[Metric]) -> None:
    if not metrics:
        return
    statement = upsert(metric_table)
    replaced: dict[str, Any] = {
        name: statement.excluded[name] for name in Metric.__dataclass_fields__ if name != "step"
    }
    statement = statement.on_conflict_do_update(index_elements=["run_id", "step"], set_=replaced)
    connection.execute(statement, [{"run_id": run_id, **vars(metric)} for metric in metrics])


def _why_refused(error: IntegrityError, run: Run) -> Exception:
    code = getattr(error.orig, "sqlite_errorcode", 0)
    if code == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
        return UnknownSessionError(f"There is no session {run.session_id}.", "Choose another session.")
    if code == sqlite3.SQLITE_CONSTRAINT_UNIQUE:
        return StoreError(f"There already is a run {run.id}.", "Start it again; it gets another id.")
    return error
