"""The stages of a run in their order: which are over, which is under way, and for how long."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from app.domain.runs import Run, RunEvent, RunStatus
from app.domain.sizes import sized_of
from trainer_image.events import Download, Phase, parse_event

_STAGES: Final = (
    ("load_data", "Read data"),
    ("download", "Download"),
    ("load_model", "Load"),
    ("prepare", "Prepare"),
    ("train", "Train"),
    ("save", "Save"),
)
"""Phase of the trainer → what the strip calls it. A download is shown where there was one to make."""

StageState = Literal["done", "now", "ahead", "failed", "stopped"]


@dataclass(frozen=True)
class Stage:
    phase: str
    label: str
    state: StageState
    seconds: float | None = None
    """How long it took, or has taken so far; None if that is not known."""
    note: str = ""
    """How far it is, where it counts something."""


def stages_of(run: Run, events: Sequence[RunEvent], now: datetime) -> tuple[Stage, ...]:
    """By the events of the newest attempt, as far as they are among `events`, oldest first.

    Of an imported run only what its folder shows: the steps it took, and the model it left.
    """
    if run.is_imported:
        return tuple(Stage(phase, label, "done") for phase, label in _STAGES if _is_shown_by(run, phase))
    entered = _entered(events)
    names = [(phase, label) for phase, label in _STAGES if phase != "download" or "download" in entered]
    at = _position([phase for phase, _ in names], entered, run)
    stages = []
    for number, (phase, label) in enumerate(names):
        began, ended = entered.get(phase), _left(phase, entered, run.ended_at or now)
        seconds = (ended - began).total_seconds() if began and ended else None
        state = _state(number, at, run.status)
        note = _downloaded(events, state) if phase == "download" else ""
        stages.append(Stage(phase, label, state, seconds, note))
    return tuple(stages)


def _is_shown_by(run: Run, phase: str) -> bool:
    return (phase == "train" and run.step > 0) or (phase == "save" and run.output is not None)


def _downloaded(events: Sequence[RunEvent], state: StageState) -> str:
    """How many bytes have come, and while it goes on how long the rest takes."""
    told = [parse_event(event.detail) for event in events if event.type == "download"]
    last = next((event for event in reversed(told) if isinstance(event, Download)), None)
    if last is None:
        return ""
    note = sized_of(last.done, last.total)
    if state != "now" or last.eta_seconds is None:
        return note
    return f"{note}, about {max(round(last.eta_seconds / 60), 1)} min left (rough)"


def _entered(events: Sequence[RunEvent]) -> dict[str, datetime]:
    """Phase → when it began, in this attempt."""
    starts = [number for number, event in enumerate(events) if event.type == "started"]
    entered: dict[str, datetime] = {}
    for event in events[starts[-1] if starts else 0 :]:
        told = parse_event(event.detail) if event.type == "phase" and event.detail else None
        if isinstance(told, Phase):
            entered[told.name] = event.time
    return entered


def _left(phase: str, entered: dict[str, datetime], end: datetime) -> datetime | None:
    """When the next phase began; `end` if there is none."""
    if phase not in entered:
        return None
    later = [time for name, time in entered.items() if name != phase and time >= entered[phase]]
    return min(later, default=end)


def _position(phases: list[str], entered: dict[str, datetime], run: Run) -> int:
    """Number of the stage under way; one past the last when all are over."""
    if run.status is RunStatus.FINISHED:
        return len(phases)
    reached = [number for number, phase in enumerate(phases) if phase in entered or phase == run.phase]
    return max(reached, default=0 if run.status is not RunStatus.STARTING else -1)


def _state(number: int, at: int, status: RunStatus) -> StageState:
    if number != at:
        return "done" if number < at else "ahead"
    if status is RunStatus.FAILED:
        return "failed"
    return "stopped" if status is RunStatus.STOPPED else "now"
