"""What is true of each run now, read from where the truth is: its job, its events, its result.

A pure read of the world, written to the store. May be called any time, twice, by two processes, and at
start-up: it turns "the app was killed at step 412" into a run that goes on, finished, or can be resumed.
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from app.domain.checkpoints import SavedCheckpoint, checkpoints_of
from app.domain.errors import StudioError, TargetError, UnknownRunError
from app.domain.ports import Launcher, Launchers, Processes, RunStore
from app.domain.runs import (
    LOG_COPY_FILE,
    STOP_AGAIN,
    JobHandle,
    JobPhase,
    JobState,
    Measurement,
    Metric,
    Run,
    RunEvent,
    RunId,
    RunStatus,
    SampleAnswer,
    describe_exit,
)
from app.domain.stages import Stage, stages_of
from app.domain.timeline import as_measurement, as_metric, as_sample, as_timeline
from app.domain.typed_paths import is_folder
from app.services.checkpoints import damage_of
from trainer_image.events import CheckpointSaved, Event, Metrics, Phase, Plan, Result, parse_event

log = logging.getLogger(__name__)

_CHUNK: Final = 1024 * 1024
_LINES_BETWEEN_LOOKS: Final = 1000
_STAGES: Final = 30
_ASKED_OUTSIDE: Final = "Something outside the app asked the run to end; it saved first."
_MEASUREMENTS: Final = 2000
"""Most that a chart is given; the newest."""


class MonitoringService:
    """Follows runs. Blocking: the UI calls it off the event loop."""

    def __init__(
        self, runs: RunStore, launchers: Launchers, processes: Processes, clock: Callable[[], datetime]
    ) -> None:
        self._runs = runs
        self._launchers = launchers
        self._processes = processes
        self._clock = clock

    def runs(self) -> Sequence[Run]:
        """All runs as last known, newest first; `refresh_all` makes them true."""
        return self._runs.all()

    def find(self, name_or_id: str) -> Run:
        """By id, the start of an id, or name. Raises UnknownRunError."""
        return self._runs.find(name_or_id)

    def metrics(self, run_id: RunId, *, after_step: int = -1) -> Sequence[Metric]:
        return self._runs.metrics(run_id, after_step=after_step)

    def events(self, run_id: RunId, *, last: int = 500, of_type: str = "") -> Sequence[RunEvent]:
        """The newest `last`, of one type or of all, oldest first."""
        return self._runs.events(run_id, last=last, of_type=of_type)

    def stages(self, run: Run) -> tuple[Stage, ...]:
        """How far its newest attempt has come, stage by stage."""
        told = [
            event
            for kind in ("started", "phase", "download")  # at the same time an attempt begins before a phase
            for event in self._runs.events(run.id, last=_STAGES, of_type=kind)
        ]
        return stages_of(run, sorted(told, key=lambda event: event.time), self._clock())

    def measurements(self, run_id: RunId) -> Sequence[Measurement]:
        """Validation losses by step; a step measured again, after a resume, counts as last measured."""
        entries = self._runs.events(run_id, last=_MEASUREMENTS, of_type="evaluation")
        found = {m.step: m for entry in entries if (m := as_measurement(entry))}
        return [found[step] for step in sorted(found)]

    def samples(self, run_id: RunId, *, last: int = 40) -> Sequence[SampleAnswer]:
        """The newest answers, newest first."""
        entries = self._runs.events(run_id, last=last, of_type="sample")
        return [sample for entry in reversed(entries) if (sample := as_sample(entry))]

    def checkpoints(self, run: Run) -> Sequence[SavedCheckpoint]:
        """Those it has written, the newest first, and whether they are still on the disk, and whole."""
        entries = self._runs.events(run.id, last=_MEASUREMENTS, of_type="checkpoint")
        if not entries:
            return ()
        saved = checkpoints_of(entries, self._runs.metrics(run.id), self.measurements(run.id))
        return tuple(_as_it_lies(run, each) for each in saved)

    def refresh_all(self) -> Sequence[Run]:
        """Make every run that is not known to have ended true; returns all runs, newest first."""
        for run in self._runs.all():
            if not run.status.is_final:
                self._refresh_apart(run.id)
        return self._runs.all()

    def _refresh_apart(self, run_id: RunId) -> None:
        """A run that cannot be read hides no other: it stays as last known, and says so."""
        try:
            self.refresh(run_id)
        except UnknownRunError:
            log.info("Run %s was deleted meanwhile", run_id)
        except StudioError:
            raise
        except Exception:
            log.exception("Run %s could not be brought up to date", run_id)
            self._runs.update(run_id, _unreadable)

    def refresh(self, run_id: RunId) -> Run:
        """Bring one run up to date and return it. A target that cannot be asked is said in `message`."""
        run = self._runs.get(run_id)
        if run.status.is_final or run.status is RunStatus.QUEUED:
            return run
        launcher = self._launchers[run.target]
        try:
            handle = run.handle or launcher.find(run)
            if handle is None:
                return self._without_job(run)
            state = launcher.state(handle)  # before reading events, so that an ended job's are complete
            if is_folder(run.folder):  # a removed one takes no log, and must not keep the run from ending
                launcher.sync_log(run, handle)
        except TargetError as error:
            unreachable = partial(_unreachable, error=error)
            self._ingest(run)
            return self._runs.update(run_id, unreachable)
        run = self._ingest(run)
        if state.phase is JobPhase.RUNNING:
            return self._runs.update(run_id, lambda r: self._still_going(r, handle))
        return self._ended(run, launcher, handle, state)

    def log_text(self, run: Run, *, start: int = 0, limit: int = _CHUNK) -> tuple[str, int]:
        """Whole lines of the run's log from byte `start` on, and where to read on."""
        text, end = _read_lines(run.log_path, start, limit)
        return text.decode("utf-8", errors="replace"), end

    def log_copy(self, run: Run, *, limit: int = _CHUNK) -> str:
        """The newest lines of the target's own copy of the log, while the trainer cannot be asked; empty if
        there is none."""
        path = run.folder / LOG_COPY_FILE
        try:
            size = path.stat().st_size
        except OSError:
            return ""
        text, _ = _read_lines(path, max(size - limit, 0), limit)
        return text.decode("utf-8", errors="replace")

    def log_tail(self, run: Run, *, limit: int = 256 * 1024) -> tuple[str, int]:
        """The last `limit` bytes of the log in whole lines, and where to read on."""
        size = run.log_path.stat().st_size if run.log_path.exists() else 0
        if size <= limit:
            return self.log_text(run, limit=max(size, 1))
        text, end = self.log_text(run, start=size - limit, limit=limit)
        return text.partition("\n")[2], end

    def find_in_log(
        self, run: Run, text: str, *, most: int = 200, is_wanted: Callable[[], bool] = lambda: True
    ) -> tuple[Sequence[tuple[int, str]], int]:
        """The newest lines that say `text`, whatever its case, with their numbers from 1; and how many do.

        Reads all of the log. Ends soon after it is not wanted any more, with what it has found by then.
        """
        wanted, found, count = text.lower(), deque[tuple[int, str]](maxlen=most), 0
        try:
            with run.log_path.open(encoding="utf-8", errors="replace") as lines:
                for number, line in enumerate(lines, start=1):
                    if number % _LINES_BETWEEN_LOOKS == 0 and not is_wanted():
                        break
                    if wanted in line.lower():
                        found.append((number, line.rstrip("\r\n")))
                        count += 1
        except OSError:  # not written yet, or removed
            return (), 0
        return tuple(found), count

    def _without_job(self, run: Run) -> Run:
        """A run that has no job: still being launched by someone alive, or cut short."""
        if run.owner is not None and self._processes.is_alive(run.owner):
            return run

        def cut_short(stored: Run) -> Run:
            if stored.status.is_final or stored.handle is not None or stored.owner != run.owner:
                return stored
            if stored.queue_position is not None:  # nothing was started, so it keeps its place
                return replace(stored, status=RunStatus.QUEUED, owner=None)
            return stored.ended(
                RunStatus.FAILED,
                "The app ended while it was starting this run.",
                "Nothing was started. Resume it." if stored.checkpoint else "Start it again.",
                now=self._clock(),
            )

        return self._runs.update(run.id, cut_short)

    def _still_going(self, run: Run, handle: JobHandle) -> Run:
        if run.status.is_final or run.status is RunStatus.QUEUED:
            return run
        run = self._without_lost_wish(run)
        if run.was_stopped_in_vain:
            return replace(run, hint=_to_stop_again(run))
        if run.status is RunStatus.RUNNING and run.handle and not run.message:
            return run
        return replace(run.launched(handle, self._clock()), message="", hint="")

    def _without_lost_wish(self, run: Run) -> Run:
        """A run is not on its way out if who was to pass that on ended before it could."""
        if not run.stop_requested or run.owner is None or self._processes.is_alive(run.owner):
            return run
        return run.stop_told(False, by=run.owner, attempt=run.attempt)

    def _ended(self, run: Run, launcher: Launcher, handle: JobHandle, state: JobState) -> Run:
        result = _read_result(run)
        clock = self._clock()

        def end(stored: Run) -> Run:
            if stored.status.is_final or stored.attempt != run.attempt:
                return stored
            if result is None:
                return _without_result(stored, state, clock)
            return _with_result(stored, result, state, clock)

        is_known = result is not None and run.handle is not None  # all that its target could still tell
        if is_known:  # first, as nobody comes back to a run that has ended
            _clean_up(run, launcher, handle)
        ended = self._runs.update(run.id, end)
        if not is_known:
            _clean_up(run, launcher, handle)
        return ended

    def _ingest(self, run: Run) -> Run:
        """Store everything whole that events.jsonl says beyond what is stored."""
        while True:
            text, end = _read_lines(run.events_path, run.events_offset, _CHUNK)
            if end == run.events_offset:
                return run
            told = (parse_event(line) for line in text.splitlines())
            events = [event for event in told if event is not None and _fits(event)]
            metrics = [as_metric(event) for event in events if isinstance(event, Metrics)]
            timeline = [entry for event in events if (entry := as_timeline(event)) is not None]

            def change(stored: Run, events: list[Event] = events) -> Run:
                for event in events:
                    stored = _apply(stored, event)
                return stored

            self._runs.ingest(run.id, run.events_offset, end, metrics, timeline, change)
            run = self._runs.get(run.id)


def _clean_up(run: Run, launcher: Launcher, handle: JobHandle) -> None:
    try:
        launcher.clean_up(handle)
    except TargetError as error:
        log.warning("Run %s: what it left at its target could not be removed: %s", run.id, error)


def _apply(run: Run, event: Event) -> Run:
    match event:
        case Metrics():
            return replace(
                run,
                step=event.step,
                total_steps=event.total_steps,
                loss=event.loss,
                eta_seconds=event.eta_seconds,
            )
        case Plan():
            return replace(run, total_steps=event.total_steps)
        case Phase():
            return run if run.status.is_final else replace(run, phase=event.name)
        case CheckpointSaved():
            return replace(run, checkpoint=event.path)
        case _:
            return run


def _unreachable(run: Run, error: TargetError) -> Run:
    return _troubled(run, f"What the run is doing cannot be seen now: {error.message}", error.hint)


def _as_it_lies(run: Run, saved: SavedCheckpoint) -> SavedCheckpoint:
    folder = run.folder / saved.path
    is_there = folder.is_dir()
    return replace(saved, is_on_disk=is_there, damage=damage_of(folder) if is_there else "")


def _unreadable(run: Run) -> Run:
    message = "What the run is doing cannot be read because of an error inside the app."
    return _troubled(run, message, "The app's log has the details.")


def _troubled(run: Run, message: str, hint: str) -> Run:
    """Taken back by the next look that succeeds."""
    if run.status.is_final:
        return run
    if run.was_stopped_in_vain:
        return replace(run, hint=f"{message} {hint}".strip())
    return replace(run, message=message, hint=hint)


def _to_stop_again(run: Run) -> str:
    if run.stop_requested:
        return ""
    return run.hint if run.hint.startswith(STOP_AGAIN) else STOP_AGAIN


def _with_result(run: Run, result: Result, state: JobState, now: datetime) -> Run:
    status, message = RunStatus(result.status), result.message
    if status is RunStatus.STOPPED and not run.stop_requested:
        message = message or state.message or _ASKED_OUTSIDE
    ended = run.ended(status, message, result.hint or state.hint, now=now)
    return replace(
        ended,
        step=result.step or run.step,
        total_steps=result.total_steps or run.total_steps,
        loss=result.final_loss if result.final_loss is not None else run.loss,
        output=result.output,
        output_kind=result.output_kind,
        checkpoint=result.checkpoint or run.checkpoint,
    )


def _without_result(run: Run, state: JobState, now: datetime) -> Run:
    if run.stop_requested:
        message = state.message or "It was ended before it could write a result."
        return run.ended(RunStatus.STOPPED, message, state.hint, now=now)
    if not is_folder(run.folder):
        message = f"The run's folder was removed while it ran: {run.folder}."
        return replace(run, checkpoint=None, output=None).ended(
            RunStatus.FAILED, message, "Nothing is left to resume. Start a new run.", now=now
        )
    message, hint = describe_exit(state)
    return run.ended(RunStatus.FAILED, message, hint, now=now)


def _read_result(run: Run) -> Result | None:
    """The result this attempt wrote; None if there is none, or only an earlier attempt's."""
    try:
        result = Result.model_validate_json(run.result_path.read_bytes())
    except (OSError, ValidationError):
        return None
    return result if result.attempt == run.attempt and _fits(result) else None


def _fits(told: Event | Result) -> bool:
    """Whether the store can hold its numbers; what it cannot hold counts as not understood."""
    return all(abs(value) < 2**63 for value in vars(told).values() if isinstance(value, int))


def _read_lines(path: Path, start: int, limit: int) -> tuple[bytes, int]:
    """Whole lines from byte `start`, at most about `limit` bytes; a torn last line waits for its end."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            text = file.read(limit)
            while b"\n" not in text and (more := file.read(limit)):
                text += more
    except OSError:
        return b"", start
    whole = text[: text.rfind(b"\n") + 1]
    return whole, start + len(whole)


def utc_now() -> datetime:
    return datetime.now(UTC)
