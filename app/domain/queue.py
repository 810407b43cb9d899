"""The queue: whose turn it is, and why the others wait.

A queued run is a run like any other: its folder, its rows and its settings are fixed when it is queued. What
waits and what is going is one reading of the store, so that two windows never start the same run.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from app.domain.gpus import Gpu, freest
from app.domain.money import money
from app.domain.renting import LEAST_HOURS
from app.domain.runs import Run, RunId, RunStatus, Target
from trainer_image.config import RunConfig

BUSY_PERCENT: Final = 10
"""A GPU that computes more than this is not idle."""
FREE_SHARE: Final = 0.8
"""Nor is one of whose memory less than this is free: a desktop takes a little of it."""


@dataclass(frozen=True)
class QueueRules:
    """When queued runs may start. A run started directly asks nobody."""

    is_paused: bool = False
    only_idle: bool = False
    """Only on a GPU that nobody else uses now."""
    only_at_night: bool = False
    night_from: int = 22
    """Hour of this computer's clock, 0 to 23."""
    night_to: int = 6
    most_dollars: float | None = None
    """All rented runs together, from `counted_from` on: the queue starts none that could cost more."""
    counted_from: str = ""
    """When that limit was set, ISO 8601 in UTC."""

    def dollars_left(self, spent: float) -> float | None:
        """`spent` since the limit was set; None without one."""
        return None if self.most_dollars is None else max(self.most_dollars - spent, 0.0)

    def is_night(self, now: datetime) -> bool:
        """Whether the hours allow a start; from 22 to 6 goes over midnight."""
        hour = now.hour
        if self.night_from <= self.night_to:
            return self.night_from <= hour < self.night_to
        return hour >= self.night_from or hour < self.night_to


def waiting(runs: Iterable[Run]) -> list[Run]:
    """The queue in its order."""
    queued = (run for run in runs if run.status is RunStatus.QUEUED)
    return sorted(queued, key=lambda run: (run.queue_position or 0, run.created_at))


def end_of_queue(runs: Iterable[Run]) -> int:
    """The position behind everybody, also behind who is just starting."""
    return 1 + max((run.queue_position or 0 for run in runs), default=0)


def moved(runs: Sequence[Run], run_id: RunId, by: int) -> list[Run]:
    """The queued runs whose position changes if one goes so many places on; -1 is one place to the front."""
    order = waiting(runs)
    at = next((i for i, run in enumerate(order) if run.id == run_id), None)
    if at is None:
        return []
    positions = [run.queue_position for run in order]
    order.insert(min(max(at + by, 0), len(order) - 1), order.pop(at))
    placed = zip(order, positions, strict=True)
    return [replace(run, queue_position=p) for run, p in placed if run.queue_position != p]


@dataclass(frozen=True)
class Turn:
    """Who may start now, and the sentence that says why nobody may."""

    run: Run | None = None
    gpu: int | None = None
    reason: str = ""


def within(run: Run, left: float | None, spent_by_it: float) -> Run:
    """With a budget that keeps it within what is left of the queue's limit, whatever it has cost before."""
    if left is None or not run.target.needs_network:
        return run
    budget = min(run.pod.budget, spent_by_it + left)
    return replace(run, pod=replace(run.pod, budget=budget))


def next_turn(
    runs: Sequence[Run],
    rules: QueueRules,
    gpus: Sequence[Gpu],
    now: datetime,
    *,
    spent: float = 0.0,
    held: Collection[RunId] = (),
) -> Turn:
    """The first of a lane that the rules and what is going let start. Runs here are one lane, those of each
    place elsewhere another, and no lane waits for another. In a lane nobody overtakes who waits for room.

    `held`: runs whose turn it cannot be now, whatever is free; they keep their places and let others pass.
    `gpus` are those of this computer; without any, one run at a time trains on the processor. What trains
    elsewhere takes none of them; of those there is one at a time too, so that only one costs money. `spent`:
    dollars on rented runs since the limit was set.
    """
    queue = waiting(runs)
    if not queue:
        return Turn()
    if rules.is_paused:
        return Turn(reason="The queue is paused.")
    if rules.only_at_night and not rules.is_night(now):
        return Turn(reason=f"Waits for the night: from {rules.night_from}:00 to {rules.night_to}:00.")
    firsts: dict[Target | None, Run] = {}
    for run in queue:
        if run.id not in held:
            firsts.setdefault(lane(run), run)
    turns = [_turn_of(first, runs, rules, gpus, spent) for first in firsts.values()]
    reasons = " ".join(dict.fromkeys(turn.reason for turn in turns if turn.reason))
    return next((turn for turn in turns if turn.run is not None), Turn(reason=reasons))


def lane(run: Run) -> Target | None:
    """Who waits for one another: runs here, whose lane is None, or those of a place elsewhere."""
    return run.target if run.target.needs_network else None


def _turn_of(first: Run, runs: Sequence[Run], rules: QueueRules, gpus: Sequence[Gpu], spent: float) -> Turn:
    beside = [run for run in runs if lane(run) == lane(first)]
    if blocking := _taken(beside, first, len(gpus)):
        return Turn(reason=f"Waits until {blocking} has ended.")
    if first.target.needs_network:
        return _for_money(first, rules, spent)
    return _on_a_gpu(first, _free(beside, len(gpus)), rules, gpus)


def _for_money(first: Run, rules: QueueRules, spent: float) -> Turn:
    left = rules.dollars_left(spent)
    if left is None or left > LEAST_HOURS * (first.pod.highest_price or 0.0):
        return Turn(first)
    return Turn(
        reason=f"Rented runs have cost {money(spent)} of the queue's limit of "
        f"{money(rules.most_dollars or 0.0)}: raise it, or take {first.name} out."
    )


def _on_a_gpu(first: Run, free: Sequence[int], rules: QueueRules, gpus: Sequence[Gpu]) -> Turn:
    if not gpus:
        return Turn(first)
    idle = [i for i in free if not rules.only_idle or _is_idle(gpus[i])]
    if needs_all(first):
        is_free = len(idle) == len(gpus)
        return Turn(first) if is_free else Turn(reason="Waits until no other program uses the GPUs.")
    if not idle:
        return Turn(reason="Waits until no other program uses the GPU.")
    roomiest = idle[freest([gpus[i] for i in idle]) or 0]
    return Turn(first, gpu=roomiest if len(gpus) > 1 else None)


def needs_all(run: Run) -> bool:
    return spreads(run.config)


def spreads(config: RunConfig) -> bool:
    """Whether a run takes all GPUs itself."""
    asked = config.distributed
    return asked.enable_model_splitting or asked.nproc_per_node not in (None, 1)


def _taken(runs: Sequence[Run], first: Run, count: int) -> str:
    """The run `first` has to wait for; empty if there is room."""
    going = _going(runs)
    has_room = not first.target.needs_network and not needs_all(first) and _free(runs, count)
    if not going or has_room:
        return ""
    return going[0].name


def _free(runs: Sequence[Run], count: int) -> list[int]:
    """GPUs that no run uses; without GPUs the processor is the one place there is."""
    going = _going(runs)
    if any(needs_all(run) for run in going):
        return []
    taken = {run.gpu or 0 for run in going}  # of one GPU none is named
    return [i for i in range(max(count, 1)) if i not in taken]


def _going(runs: Sequence[Run]) -> list[Run]:
    return [run for run in runs if run.status in (RunStatus.STARTING, RunStatus.RUNNING)]


def _is_idle(gpu: Gpu) -> bool:
    is_quiet = gpu.busy_percent is None or gpu.busy_percent <= BUSY_PERCENT
    return is_quiet and gpu.free_bytes >= FREE_SHARE * gpu.memory_bytes
