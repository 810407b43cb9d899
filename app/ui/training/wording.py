"""How the run view speaks: durations, progress, times."""

from datetime import UTC, datetime, timedelta

from app.domain.runs import Metric, Run, RunStatus
from app.domain.timeline import PHASES
from app.ui.texts import text, text_in

ROUGH_STEPS = 5
"""Steps before an estimate of the time left deserves trust."""


def duration(seconds: float) -> str:
    """ "8 s", "2 min 5 s", "3 h 4 min", "2 d 1 h"."""
    total = max(round(seconds), 0)
    for size, unit, smaller, smaller_unit in (
        (86400, "days", 3600, "hours"),
        (3600, "hours", 60, "minutes"),
        (60, "minutes", 1, "seconds"),
    ):
        if total >= size:
            rest = total % size // smaller
            return " ".join([_of(total // size, unit), *([_of(rest, smaller_unit)] if rest else [])])
    return _of(total, "seconds")


def _of(count: int, unit: str) -> str:
    return text_in("training.wording.duration", unit, count=count)


def time_left(run: Run) -> str:
    """Estimate of the time left; said to be rough while few steps speak for it. Empty if there is none."""
    if run.status.is_final or run.eta_seconds is None:
        return ""
    said = duration(run.eta_seconds)
    return (
        text("training.wording.about_rough", time=said)
        if run.step < ROUGH_STEPS
        else text("training.wording.about", time=said)
    )


def elapsed(run: Run, now: datetime) -> str:
    if run.started_at is None:
        return ""
    return duration(((run.ended_at or now) - run.started_at).total_seconds())


def phase(run: Run) -> str:
    """What the run is busy with, or how it ended."""
    if run.is_stopping:
        return text("training.run.stopping")
    if run.status is RunStatus.QUEUED:
        return text("training.wording.queued")
    if run.status is RunStatus.STARTING:
        return text("training.wording.starting")
    if run.status.is_final:
        return text_in("training.statuses", run.status)
    return PHASES.get(run.phase, run.phase or text("training.wording.starting"))


def method_label(method: str) -> str:
    return text_in("training.methods", method)


def method(run: Run) -> str:
    if run.is_imported:
        known = run.output_kind if run.output_kind in ("adapter", "weights") else "curve"
        return text_in("training.wording.imported", known)
    return method_label(run.config.method.kind)


def progress(run: Run) -> float | None:
    """Share done between 0 and 1; None if it is going and the number of steps is not yet known."""
    if run.total_steps > 0:
        return min(run.step / run.total_steps, 1.0)
    return 0.0 if run.status.is_final or run.status is RunStatus.QUEUED else None


def steps(run: Run) -> str:
    return (
        text("training.wording.step", step=run.step, total=run.total_steps)
        if run.total_steps
        else text("training.wording.no_step")
    )


def gpu(metric: Metric) -> str:
    """Memory, and how busy and how warm it is where that is known."""
    said = [text("training.wording.gpu", memory=metric.gpu_memory_gb)]
    if metric.gpu_utilisation is not None:
        said.append(text("training.wording.gpu_busy", busy=metric.gpu_utilisation))
    if metric.gpu_temperature is not None:
        said.append(text("training.wording.gpu_warm", warm=metric.gpu_temperature))
    return ", ".join(said)


def number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def when(moment: datetime, now: datetime) -> str:
    """ "just now", "5 min ago", or the date and time where the person is."""
    age = now - moment
    if age < timedelta(minutes=1):
        return text("training.wording.just_now")
    if age < timedelta(hours=1):
        return text("training.wording.minutes_ago", minutes=int(age.total_seconds() // 60))
    local = moment.astimezone()
    today = local.date() == now.astimezone().date()
    return f"{local:%H:%M}" if today else f"{local:%Y-%m-%d %H:%M}"


def clock(moment: datetime) -> str:
    return f"{moment.astimezone():%H:%M:%S}"


def now_utc() -> datetime:
    return datetime.now(UTC)


def place(run: Run) -> str:
    """Its target, and of several GPUs the one it was given."""
    return (
        run.target.label
        if run.gpu is None
        else text("training.wording.place_gpu", target=run.target.label, gpu=run.gpu)
    )


def data(run: Run) -> str:
    """What it trains on, with the version of the session and the hash of its rows."""
    if not run.content_hash:
        return run.data_label
    return text(
        "training.wording.data", data=run.data_label, version=run.session_version, hash=run.content_hash[:8]
    )
