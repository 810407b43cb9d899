"""Runs one after another: what waits, in which order, and starting whoever's turn it is.

Every run is checked as one that is started directly: when it is queued, and again when its turn comes.

Nothing starts by itself while the app is closed: `QueueClock`, its windows, or `tunewright queue run` call
`advance`.
"""

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from app.domain.errors import StudioError
from app.domain.gpus import Gpus
from app.domain.ports import Processes, RunStore, SettingsStore
from app.domain.preflight import Readiness
from app.domain.queue import QueueRules, Turn, end_of_queue, moved, next_turn, waiting, within
from app.domain.renting import PodOptions
from app.domain.runs import DockerOptions, Run, RunId, RunRequest, RunStatus, Target
from app.services.monitoring import MonitoringService
from app.services.run_requests import request_of_run
from app.services.training import TrainingService
from app.services.trying_again import TryingAgain
from trainer_image.config import DATA_FILE, FileDataset

log = logging.getLogger(__name__)

_RULES: Final = "queue.rules"


@dataclass(frozen=True)
class Standing:
    """The queue as it stands."""

    runs: tuple[Run, ...]
    """Those that wait, in order."""
    rules: QueueRules
    reason: str
    """Why nobody starts now, in sentences; empty if nobody waits or somebody's turn has come."""
    has_gpu: bool = True
    """Whether there is a GPU whose idleness can be waited for; looked at only if that is asked for."""
    spent: float = 0.0
    """Dollars on rented runs since the limit was set; without a limit nobody counts."""


class QueueService:
    """Blocking: the UI calls it off the event loop. Any number of processes may share one queue."""

    def __init__(
        self,
        runs: RunStore,
        training: TrainingService,
        monitoring: MonitoringService,
        processes: Processes,
        settings: SettingsStore,
        gpus: Gpus,
        clock: Callable[[], datetime],
        *,
        check: Callable[[RunRequest], Readiness],
        spent_since: Callable[[datetime], float] = lambda _: 0.0,
        spent_by: Callable[[RunId], float] = lambda _: 0.0,
    ) -> None:
        """`check`: what speaks against starting a run, as `PreflightService.check`. `spent_since`: dollars on
        all rented runs from a moment on; `spent_by`: on one from its beginning on."""
        self._runs = runs
        self._training = training
        self._monitoring = monitoring
        self._processes = processes
        self._settings = settings
        self._gpus = gpus
        self._clock = clock
        self._check = check
        self._spent_since = spent_since
        self._spent_by = spent_by
        self._tries = TryingAgain(settings, clock)

    def rules(self) -> QueueRules:
        return _read_rules(self._settings.get(_RULES))

    def change_rules(self, **values: Any) -> QueueRules:
        """Fields of `QueueRules`; the others stay as they are by now, whoever changed them. Raises
        StudioError for hours that no clock has."""
        return self._change(lambda rules: replace(rules, **values))

    def limit_money(self, dollars: float | None) -> None:
        """Of all rented runs together, from now on; a limit that is only changed goes on counting. Raises
        StudioError."""
        if dollars is not None and not 0 < dollars < 1_000_000:
            raise StudioError("The limit is no amount of dollars.", "Give one like 20, or none.")
        now = self._clock().astimezone(UTC).isoformat()

        def limited(before: QueueRules) -> QueueRules:
            goes_on = before.most_dollars is not None and dollars is not None
            since = before.counted_from if goes_on else now
            return replace(before, most_dollars=dollars, counted_from=since if dollars else "")

        self._change(limited)

    def pause(self, is_paused: bool = True) -> None:
        """What is going goes on."""
        self.change_rules(is_paused=is_paused)

    def _change(self, to: Callable[[QueueRules], QueueRules]) -> QueueRules:
        """In one transaction: a rule that another window changed meanwhile is kept."""

        def changed(kept: str | None) -> str:
            rules = to(_read_rules(kept))
            hours = (rules.night_from, rules.night_to)
            if any(not 0 <= hour <= 23 for hour in hours) or hours[0] == hours[1]:
                raise StudioError("The night needs two different hours from 0 to 23.", "Like 22 and 6.")
            return json.dumps(asdict(rules))

        return _read_rules(self._settings.change(_RULES, changed))

    def add(self, request: RunRequest) -> Run:
        """Put a run at the end. Its rows and settings are copied now: later edits change nothing of it.

        What would keep it from starting is its `message` while it waits: that may be put right meanwhile.
        Raises StudioError as `TrainingService.prepare` does, and for a rented GPU without a highest price:
        when its turn comes nobody is asked.
        """
        if request.target.needs_network and request.pod.highest_price is None:
            raise _unseen(request.target)
        return self._checked(self._enqueue(self._training.prepare(request)))

    def add_back(self, run_id: RunId, *, pod: PodOptions | None = None) -> Run:
        """Put a stopped or failed run at the end of the queue; it goes on from its newest checkpoint, or
        begins again without one. A rented one needs `pod`, which is what a person said yes to: when its turn
        comes nobody is asked. Raises StudioError if it cannot."""
        run = self._monitoring.refresh(run_id)
        if reason := self.add_back_blocked(run):
            raise StudioError(f"This run cannot go back to the queue: {reason}.", "Clone it instead.")
        if run.target.needs_network and pod is None:
            raise _unseen(run.target)

        def fresh(stored: Run) -> Run:
            if stored.status not in (RunStatus.STOPPED, RunStatus.FAILED):
                raise StudioError("This run is already going again.", "Follow it in the run view.")
            began = stored.started_at is not None or stored.attempt > 1
            agreed = replace(stored, pod=pod or stored.pod)
            return agreed.begun_again(self._processes.me(), attempt=stored.attempt + began)

        self._tries.forget(run_id)
        return self._checked(self._enqueue(self._runs.update(run_id, fresh)))

    def add_back_blocked(self, run: Run) -> str:
        """Why a run cannot go back to the queue, in half a sentence; empty if it can."""
        if not run.status.is_final:
            return "it is waiting or going"
        if run.status is RunStatus.FINISHED:
            return "it has finished"
        if run.is_imported:
            return "another trainer made it"
        if run.checkpoint is not None:
            return self._training.resume_blocked(run)
        is_file = isinstance(run.config.dataset, FileDataset)
        if is_file and not (run.folder / DATA_FILE).is_file():
            return "its rows are no longer on disk"
        return "" if run.folder.is_dir() else "its folder is no longer on disk"

    def move(self, run_id: RunId, by: int) -> None:
        """So many places on; -1 is one place to the front. Does nothing to a run that does not wait."""
        self._runs.decide(lambda runs: moved(runs, run_id, by))

    def cancel(self, run_id: RunId) -> Run:
        """Take a run out of the queue; it stays in the history and can be added back. Raises StudioError if
        it has started meanwhile."""

        def out(run: Run) -> Run:
            if run.status is not RunStatus.QUEUED:
                raise StudioError(f"{run.name} does not wait any more.", "Stop it in the run view.")
            return run.ended(
                RunStatus.STOPPED, "It was taken out of the queue before it started.", now=self._clock()
            )

        return self._runs.update(run_id, out)

    def standing(self, runs: Iterable[Run] | None = None, *, reason: str = "") -> Standing:
        """`runs`: all of them, if they have just been read; `reason`: what `advance` has just said."""
        known = list(self._runs.all() if runs is None else runs)
        queue, rules = waiting(known), self.rules()
        reason = reason or (self._turn(known, rules, self._pausing(known)).reason if queue else "")
        has_gpu = not rules.only_idle or bool(self._gpus())
        return Standing(self._as_tried(queue), rules, reason, has_gpu=has_gpu, spent=self._spent(rules))

    def _as_tried(self, queue: Sequence[Run]) -> tuple[Run, ...]:
        """With when a run is tried again. What kept it from starting is true until then only."""
        tries, now = self._tries.all(), self._clock()

        def tried(run: Run) -> Run:
            if (again := tries.get(run.id)) is None:
                return run
            if again.next_at <= now:
                return replace(run, message="", hint="")
            return replace(run, hint=f"{run.hint} Tried again at {again.said}.".strip())

        return tuple(map(tried, queue))

    def advance(self, runs: Sequence[Run] | None = None) -> Turn:
        """Start the first of the queue whose turn has come. Call it again and again.

        `runs`: all of them, if they have just been brought up to date. What never can be started is recorded
        as failed, and the next call starts the next one. A run whose target is not ready, or whose start
        failed for what may pass, keeps its place, and those behind it are not kept waiting.
        """
        known = self._monitoring.refresh_all() if runs is None else runs
        if not waiting(known):
            return Turn()
        rules = self.rules()
        turn, held = self._next(known, rules)
        if turn.run is None:
            return turn
        claimed = self._claim(turn.run.id, rules, held)
        if claimed is None:  # another window was faster
            return Turn()
        return self._launched(claimed)

    def _launched(self, claimed: Run) -> Turn:
        try:
            turn = Turn(self._training.launch_claimed(claimed, self._error_at_its_turn), claimed.gpu)
        except StudioError as error:
            log.info("Run %s of the queue did not start: %s", claimed.id, error)
            if error.may_pass:
                return Turn(reason=self._paused(claimed, error))
            self._tries.forget(claimed.id)
            return Turn(reason=f"{claimed.name} did not start: {error.message}")
        self._tries.forget(claimed.id)
        return turn

    def _paused(self, run: Run, error: StudioError) -> str:
        """What is said of it; its card says so too, until then (`standing`)."""
        among = {
            each.id for each in self._runs.all() if not each.status.is_final
        }  # also those added meanwhile
        again = self._tries.failed(run.id, among | {run.id})
        return f"{run.name} waits: {error.message} Tried again at {again.said}."

    def _next(self, runs: Sequence[Run], rules: QueueRules) -> tuple[Turn, Mapping[RunId, str]]:
        """Whose turn it is, and which runs were passed over for a reason of their own. Asks the targets of
        those only that could start."""
        held = self._pausing(runs)
        known: dict[tuple[Target, DockerOptions], str] = {}
        while (turn := self._turn(runs, rules, held)).run is not None:
            place = (turn.run.target, turn.run.docker)
            if place not in known:
                known[place] = next(iter(self._training.launch_problems(turn.run)), "")
            if not known[place]:
                break
            held[turn.run.id] = known[place]
        return turn, held

    def _pausing(self, runs: Sequence[Run]) -> dict[RunId, str]:
        """Runs that are tried again later, and why they wait."""
        tries = self._tries.pausing()
        return {
            run.id: f"{run.name} waits: {run.message} Tried again at {tries[run.id].said}."
            for run in waiting(runs)
            if run.id in tries
        }

    def _turn(self, runs: Sequence[Run], rules: QueueRules, held: Mapping[RunId, str]) -> Turn:
        """Whose turn it is, else why nobody's it is: by the rules, by what is going, and by what is held."""
        now, spent = self._clock().astimezone(), self._spent(rules)
        turn = next_turn(runs, rules, self._gpus(), now, spent=spent, held=held)
        if turn.run is not None or rules.is_paused:
            return turn
        return Turn(reason=" ".join(dict.fromkeys(filter(None, [*held.values(), turn.reason]))))

    def _spent(self, rules: QueueRules) -> float:
        if rules.most_dollars is None:
            return 0.0
        return self._spent_since(datetime.fromisoformat(rules.counted_from))

    def _claim(self, run_id: RunId, rules: QueueRules, held: Mapping[RunId, str]) -> Run | None:
        """Decided again on the newest state, alone: nobody else reads or writes meanwhile.

        What is stored keeps the budget that was agreed to: a start that fails may be followed by one under
        another limit.
        """
        gpus, now, spent = self._gpus(), self._clock().astimezone(), self._spent(rules)
        by_it = self._spent_by(run_id)

        def claim(runs: Sequence[Run]) -> list[Run]:
            turn = next_turn(runs, rules, gpus, now, spent=spent, held=held)
            if turn.run is None or turn.run.id != run_id:
                return []
            me = self._processes.me()
            now_starting = replace(turn.run, status=RunStatus.STARTING, owner=me, gpu=turn.gpu)
            return [replace(now_starting, message="", hint="")]

        claimed = next(iter(self._runs.decide(claim)), None)
        return claimed and within(claimed, rules.dollars_left(spent), by_it)

    def _checked(self, run: Run) -> Run:
        """Looked at as it waits; by now somebody else may have started it, or taken it out."""
        error = self._error(run)
        message, hint = (error.message, error.hint) if error else ("", "")

        def noted(stored: Run) -> Run:
            waits = stored.status is RunStatus.QUEUED
            return replace(stored, message=message, hint=hint) if waits else stored

        return self._runs.update(run.id, noted) if message else run

    def _error_at_its_turn(self, run: Run) -> StudioError | None:
        return self._error(run, but_for="Target")  # which has just been asked: runs wait until it is ready

    def _error(self, run: Run, *, but_for: str = "") -> StudioError | None:
        """The first thing that keeps a run from starting; what never passes comes first."""
        errors = [each for each in self._check(request_of_run(run)).errors if each.about != but_for]
        first = next(iter(sorted(errors, key=lambda each: each.may_pass)), None)
        return StudioError(first.message, first.hint, may_pass=first.may_pass) if first else None

    def _enqueue(self, run: Run) -> Run:
        """A run that is starting becomes one that waits, behind all others."""

        def last(runs: Sequence[Run]) -> list[Run]:
            place = end_of_queue(runs)
            mine = (r for r in runs if r.id == run.id)
            return [replace(r, status=RunStatus.QUEUED, queue_position=place, owner=None) for r in mine]

        self._runs.decide(last)
        return self._runs.get(run.id)


def _read_rules(kept: str | None) -> QueueRules:
    try:
        return QueueRules(**json.loads(kept or "{}"))
    except (ValueError, TypeError):  # of a version that had other rules
        return QueueRules()


def _unseen(target: Target) -> StudioError:
    return StudioError(
        f"A run on {target.label} costs money, and its price was not seen.",
        "Add it in the window or in the terminal: both say the price first.",
    )
