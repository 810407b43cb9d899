"""How the run view speaks: durations, progress, times."""

from datetime import UTC, datetime, timedelta
from typing import Final

from app.domain.runs import Metric, Run, RunStatus
from app.domain.timeline import PHASES

METHOD_LABELS: Final = {"lora": "LoRA", "osft": "OSFT", "sft": "SFT (all weights)"}

ROUGH_STEPS = 5
"""Steps before an estimate of the time left deserves trust."""


def duration(seconds: float) -> str:
    """ "8 s", "2 min 5 s", "3 h 4 min", "2 d 1 h"."""
    total = max(round(seconds), 0)
    for size, unit, smaller, smaller_unit in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if total >= size:
            rest = total % size // smaller
            return f"{total // size} {unit}" + (f" {rest} {smaller_unit}" if rest else "")
    return f"{total} s"


def time_left(run: Run) -> str:
    """Estimate of the time left; said to be rough while few steps speak for it. Empty if there is none."""
    if run.status.is_final or run.eta_seconds is None:
        return ""
    text = duration(run.eta_seconds)
    return f"about {text} (rough)" if run.step < ROUGH_STEPS else f"about {text}"


def elapsed(run: Run, now: datetime) -> str:
    if run.started_at is None:
        return ""
    return duration(((run.ended_at or now) - run.started_at).total_seconds())


def phase(run: Run) -> str:
    """What the run is busy with, or how it ended."""
    if run.is_stopping:
        return "Stopping…"
    if run.status is RunStatus.QUEUED:
        return "Waiting in the queue"
    if run.status is RunStatus.STARTING:
        return "Starting"
    if run.status.is_final:
        return run.status.value.capitalize()
    return PHASES.get(run.phase, run.phase or "Starting")


def method(run: Run) -> str:
    if run.is_imported:
        return {"adapter": "Adapter", "weights": "Whole model"}.get(run.output_kind or "", "Curve only")
    return METHOD_LABELS[run.config.method.kind]


def progress(run: Run) -> float | None:
    """Share done between 0 and 1; None if it is going and the number of steps is not yet known."""
    if run.total_steps > 0:
        return min(run.step / run.total_steps, 1.0)
    return 0.0 if run.status.is_final or run.status is RunStatus.QUEUED else None


def steps(run: Run) -> str:
    return f"Step {run.step:,} of {run.total_steps:,}" if run.total_steps else "No step yet"


def gpu(metric: Metric) -> str:
    """Memory, and how busy and how warm it is where that is known."""
    busy = "" if metric.gpu_utilisation is None else f", {metric.gpu_utilisation:.0f} % busy"
    warm = "" if metric.gpu_temperature is None else f", {metric.gpu_temperature:.0f} °C"
    return f"{metric.gpu_memory_gb:.1f} GB{busy}{warm}"


def number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def when(moment: datetime, now: datetime) -> str:
    """ "just now", "5 min ago", or the date and time where the person is."""
    age = now - moment
    if age < timedelta(minutes=1):
        return "just now"
    if age < timedelta(hours=1):
        return f"{int(age.total_seconds() // 60)} min ago"
    local = moment.astimezone()
    today = local.date() == now.astimezone().date()
    return f"{local:%H:%M}" if today else f"{local:%Y-%m-%d %H:%M}"


def clock(moment: datetime) -> str:
    return f"{moment.astimezone():%H:%M:%S}"


def now_utc() -> datetime:
    return datetime.now(UTC)


def place(run: Run) -> str:
    """Its target, and of several GPUs the one it was given."""
    return run.target.label if run.gpu is None else f"{run.target.label}, GPU {run.gpu}"


def data(run: Run) -> str:
    """What it trains on, with the version of the session and the hash of its rows."""
    if not run.content_hash:
        return run.data_label
    return f"{run.data_label}, version {run.session_version} ({run.content_hash[:8]})"
