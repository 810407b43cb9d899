"""What can be done with past runs: find, name, clone, compare and import them."""

import csv
import math
import secrets as dice
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from app.domain.errors import StudioError
from app.domain.gain import while_training
from app.domain.lineage import Dependents, dependents
from app.domain.ports import ChatStore, RunStore
from app.domain.runs import DockerOptions, Metric, Run, RunId, RunStatus, Target
from app.domain.sessions import Session
from app.domain.setups import Setup
from app.domain.typed_paths import expanded
from app.services.checkpoints import SavedState, saved_states
from app.services.checksums import Checksums
from app.services.foreign_runs import FoundRun, look_into
from app.services.library import LibraryService
from app.services.loss_files import LossPoint
from app.services.monitoring import MonitoringService
from app.services.training import TrainingService
from trainer_image.config import Lora, RunConfig, Sft

SPARK_POINTS: Final = 40
LONGEST_NAME: Final = 100
LONGEST_NOTE: Final = 2000


@dataclass(frozen=True)
class Clone:
    """A run as a setup for the form, and what is different from the run, as sentences."""

    setup: Setup
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Compared:
    """What a run is compared by."""

    curve: tuple[LossPoint, ...] = ()
    best_validation: float | None = None


class HistoryService:
    """Blocking: the UI calls it off the event loop."""

    def __init__(
        self,
        runs: RunStore,
        chats: ChatStore,
        monitoring: MonitoringService,
        library: LibraryService,
        training: TrainingService,
        *,
        exports: Path,
        clock: Callable[[], datetime],
    ) -> None:
        self._runs = runs
        self._chats = chats
        self._monitoring = monitoring
        self._library = library
        self._training = training
        self._exports = exports
        self._clock = clock
        self._checksums = Checksums()
        self._sparks: dict[RunId, tuple[int, tuple[float, ...]]] = {}

    def sparklines(self, runs: Iterable[Run]) -> Mapping[RunId, tuple[float, ...]]:
        """At most `SPARK_POINTS` losses of each, read again only when it has gone on by a point's worth."""
        return {run.id: self._spark(run) for run in runs}

    def rename(self, run_id: RunId, name: str) -> Run:
        """Its folder keeps its name. Raises StudioError for no name."""
        name = " ".join(name.split())
        if not 0 < len(name) <= LONGEST_NAME:
            raise StudioError(f"A name has 1 to {LONGEST_NAME} characters.", "Type another one.")
        return self._runs.update(run_id, lambda run: replace(run, name=name))

    def write_note(self, run_id: RunId, note: str) -> Run:
        note = note.strip()
        if len(note) > LONGEST_NOTE:
            raise StudioError(f"A note has at most {LONGEST_NOTE:,} characters.", "Shorten it.")
        return self._runs.update(run_id, lambda run: replace(run, note=note))

    def dependents(self, run_id: RunId) -> Dependents:
        """What would miss the run if it were deleted."""
        run = self._runs.get(run_id)
        return dependents(run, self._runs.all(), len(self._chats.turns(run_id)))

    def checkpoints(self, run: Run) -> list[SavedState]:
        """Newest first, each verified by its files and their sizes."""
        return saved_states(run, self._monitoring.measurements(run.id))

    def compared_with_sums(
        self, run: Run, state: SavedState, is_wanted: Callable[[], bool] = lambda: True
    ) -> SavedState:
        """Read all of it once: a second for each 1.7 GB. Stops soon after it is not wanted any more."""
        return self._checksums.compared(run, state, is_wanted)

    def curve(self, run_id: RunId) -> tuple[LossPoint, ...]:
        """Loss by real step, as the trainer reported it."""
        metrics = self._runs.metrics(run_id)
        return tuple(LossPoint(m.step, m.loss) for m in metrics if math.isfinite(m.loss))

    def compared(self, run: Run) -> Compared:
        measured = while_training(self._monitoring.measurements(run.id))
        losses = [m.loss for m in measured if math.isfinite(m.loss)]
        return Compared(self.curve(run.id), min(losses, default=None))

    def write_curves(self, runs: Sequence[Run]) -> Path:
        """All curves as one CSV of run, step and loss. Raises StudioError if it cannot be written."""
        path = self._exports / f"curves-{self._clock():%Y%m%d-%H%M%S}.csv"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("w", encoding="utf-8", newline="") as file:
                lines = csv.writer(file)
                lines.writerow(("run", "step", "loss"))
                for run in runs:
                    lines.writerows((run.name, point.step, point.loss) for point in self.curve(run.id))
        except OSError as error:
            raise StudioError(
                f"{path} could not be written: {error.strerror or error}.", "Make room and try again."
            ) from error
        return path

    def clone(self, run: Run) -> Clone:
        """Raises StudioError as `TrainingService.setup_of` does."""
        setup = self._training.setup_of(run).model_copy(update={"skill": "expert"})  # hides nothing
        note = self._note_on_rows(run, setup)
        return Clone(setup, (note,) if note else ())

    def look_into(self, folder: str) -> FoundRun:
        """Raises StudioError with what is wrong with the folder."""
        if not folder.strip():
            raise StudioError("No folder was given.", "Type the path of a trainer's output folder.")
        return look_into(expanded(folder.strip()).absolute())

    def import_run(self, found: FoundRun) -> Run:
        """Put a finished run of another trainer into the history; its folder stays where it is.

        Raises StudioError if it is there already.
        """
        if known := next((r for r in self._runs.all() if r.folder == found.folder), None):
            raise StudioError(f"This folder is in the history already, as {known.name}.", "Look at it there.")
        points = found.curve.points if found.curve else ()
        moment = _when(found)
        run = Run(
            id=RunId(dice.token_hex(6)),
            name=found.folder.name[:LONGEST_NAME] or "imported",
            target=Target.LOCAL,
            config=RunConfig(
                base_model=found.base_model, method=Lora() if found.kind == "adapter" else Sft()
            ),
            docker=DockerOptions(),
            folder=found.folder,
            data_label="unknown data",
            session_id=None,
            status=RunStatus.FINISHED,
            created_at=moment,
            ended_at=moment,
            step=points[-1].step if points else 0,
            total_steps=points[-1].step if points else 0,
            loss=points[-1].loss if points else None,
            output=str(found.model.relative_to(found.folder)) if found.model else None,
            output_kind=found.kind,
            origin=found.trainer,
        )
        self._runs.add(run)
        metrics = [_metric(point, run.total_steps, moment) for point in points]
        self._runs.ingest(run.id, 0, 0, metrics, [], lambda stored: stored)
        return self._runs.get(run.id)

    def _spark(self, run: Run) -> tuple[float, ...]:
        if run.step < 1:
            return ()
        at, known = self._sparks.get(run.id, (0, ()))
        if known and (run.step == at or 0 < run.step - at < max(at, run.total_steps) / SPARK_POINTS):
            return known
        count = min(run.step, SPARK_POINTS)
        steps = [1 + round(i * (run.step - 1) / max(count - 1, 1)) for i in range(count)]
        losses = tuple(x for x in self._runs.outline(run.id, steps) if math.isfinite(x))
        self._sparks[run.id] = (run.step, losses)
        return losses

    def _note_on_rows(self, run: Run, setup: Setup) -> str:
        """What to know of the rows a clone trains on; empty if they are those of the run."""
        if setup.session:
            session = self._library.find(setup.session)
            return "" if session.content_hash == run.content_hash else _changed(run, session)
        if setup.file is None:
            return ""
        if not setup.file.is_file():
            return "Its rows are no longer there: choose a dataset."
        gone = "Its session was deleted: the" if run.session_id else "The"
        return f"{gone} run's own copy of its rows is used."


def _changed(run: Run, session: Session) -> str:
    return (
        f"{session.name} has changed since: the run saw version {run.session_version}, "
        f"now it is version {session.version}."
    )


def matches(run: Run, words: str, status: str = "") -> bool:
    """Whether a run is one that a person looks for: every word in its name, note, data, model or method."""
    if status and run.status != status:
        return False
    fields = (run.name, run.note, run.data_label, run.config.base_model, run.config.method.kind, run.origin)
    text = "\n".join((*fields, run.target.label)).casefold()
    return all(word in text for word in words.casefold().split())


def in_order(runs: Sequence[Run], ids: Sequence[RunId]) -> list[Run]:
    """Those of the runs that were chosen, in the order they were."""
    known = {run.id: run for run in runs}
    return [known[run_id] for run_id in ids if run_id in known]


def _when(found: FoundRun) -> datetime:
    newest = found.curve.file if found.curve else found.model or found.folder
    return datetime.fromtimestamp(newest.stat().st_mtime, UTC)


def _metric(point: LossPoint, total: int, moment: datetime) -> Metric:
    """What another trainer did not say is not made up: not a number."""
    nan = float("nan")
    return Metric(point.step, total, nan, point.loss, nan, None, None, nan, None, moment)
