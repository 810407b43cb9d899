"""What the soak calls a broken promise. Plain facts in, sentences out; no sentence: all was kept."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from app.domain.rentals import Rental
from app.domain.runs import Run, RunStatus
from benchmarks.rented.quick_trainer import adapter_of, checksum

OVERTIME = timedelta(seconds=2)
ADAPTER = Path("output/adapter_model.safetensors")
NEVER_BEGAN = "before the training began"


@dataclass(frozen=True)
class Billed:
    """A pod as the emulator, which bills, knows it."""

    id: str
    name: str
    spent: float
    ended: datetime | None
    """None while it is billed."""


@dataclass(frozen=True)
class Evidence:
    """Where everything came to rest."""

    pods: Sequence[Billed]
    rentals: Sequence[Rental]
    runs: Sequence[Run]
    ordered: Sequence[str]
    """Names of the runs that were asked for."""
    told: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By run: what its trainers noted elsewhere, "started", "finished", "stopped"."""
    asked_to_stop: frozenset[str] = frozenset()

    def rental_of(self, pod: Billed) -> Rental | None:
        by_id = (rental for rental in self.rentals if rental.pod_id == pod.id)
        return next(by_id, None) or next((r for r in self.rentals if r.name == pod.name), None)


def cost(rental: Rental) -> float:
    """As counted for good: nothing of one whose end was never seen."""
    return rental.cost(rental.ended_at or rental.created_at)


def broken(evidence: Evidence) -> Iterator[str]:
    yield from _of_orders(evidence)
    yield from _of_pods(evidence)
    yield from _of_money(evidence)
    for rental in evidence.rentals:
        if not rental.is_over:
            yield f"rental {rental.name} is {rental.state} for ever: {rental.trouble}"
    for run in evidence.runs:
        yield from _of_run(evidence, run)


def _of_orders(evidence: Evidence) -> Iterator[str]:
    known = Counter(run.name for run in evidence.runs)
    for name in evidence.ordered:
        if known[name] != 1:
            yield f"run {name} was asked for once and is there {known[name]} times"


def _of_pods(evidence: Evidence) -> Iterator[str]:
    for pod in evidence.pods:
        rental = evidence.rental_of(pod)
        if pod.ended is None:
            yield f"pod {pod.name} ({pod.id}) still lives"
        if rental is not None and pod.ended is not None and pod.ended - rental.ends_by > OVERTIME:
            yield f"pod {pod.name} was billed past its deadline"


def _of_money(evidence: Evidence) -> Iterator[str]:
    """Two pods that count as one are one that nobody counted."""
    spent: defaultdict[str, float] = defaultdict(float)
    for pod in evidence.pods:
        rental = evidence.rental_of(pod)
        if rental is None:
            yield f"pod {pod.name} ({pod.id}) cost ${pod.spent:.6f} that nobody counted"
        else:
            spent[rental.name] += pod.spent
    for rental in evidence.rentals:
        billed, counted = spent[rental.name], cost(rental)
        if counted < billed:
            yield f"the pods of {rental.name} cost ${billed:.6f} and ${counted:.6f} was counted"


def _of_run(evidence: Evidence, run: Run) -> Iterator[str]:
    told = evidence.told.get(run.id, ())
    is_asked = run.id in evidence.asked_to_stop
    if not run.status.is_final:
        yield f"run {run.name} is {run.status} for ever: {run.message}"
    elif run.status is RunStatus.FINISHED:
        if "finished" not in told:
            yield f"run {run.name} is called finished and is not"
        if not has_adapter(run):
            yield f"the adapter of {run.name} is missing or damaged"
    elif "finished" in told and _came_home(evidence.rentals, run) and not is_asked:
        yield f"run {run.name} finished, came home, and is called {run.status}: {run.message}"
    elif "started" in told and NEVER_BEGAN in run.message:
        yield f"run {run.name} was begun, and is said not to have been: {run.message}"
    elif not run.message and not is_asked:
        yield f"run {run.name} is {run.status} and nobody says why"


def _came_home(rentals: Iterable[Rental], run: Run) -> bool:
    return all(rental.is_retrieved for rental in rentals if rental.run_id == run.id and rental.is_started)


def has_adapter(run: Run) -> bool:
    """The one that follows from its id, to the last byte."""
    adapter = run.folder / ADAPTER
    return adapter.is_file() and checksum(adapter.read_bytes()) == checksum(adapter_of(run.id))
