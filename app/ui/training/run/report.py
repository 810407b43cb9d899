"""What is known of a run, read on a thread: what is new since the last look, and what follows from it."""

import time
from dataclasses import dataclass, replace
from typing import Final

from app.domain.checkpoints import SavedCheckpoint
from app.domain.coach import Advice, advise
from app.domain.runs import Measurement, Metric, Run, RunEvent, SampleAnswer
from app.domain.stages import Stage
from app.services.monitoring import MonitoringService
from app.ui.training.run.changes_view import memory_changes

_EVENTS_SHOWN: Final = 200
_NOTICES: Final = 200
_LONG_CURVE: Final = 100
_CURVE_SECONDS: Final = 3.0
_VERY_LONG_CURVE: Final = 10_000
"""Working out what to draw takes some 30 ms of the event loop then, and longer in proportion."""
_NEWS: Final = 1.01
"""So many times the steps before there may be something else to say."""


@dataclass(frozen=True)
class Report:
    """What the trainer has said so far, and what the coach says to it."""

    metrics: tuple[Metric, ...] = ()
    events: tuple[RunEvent, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    samples: tuple[SampleAnswer, ...] = ()
    checkpoints: tuple[SavedCheckpoint, ...] = ()
    changes: tuple[RunEvent, ...] = ()
    """Made because memory ran out."""
    stages: tuple[Stage, ...] = ()
    advice: tuple[Advice, ...] = ()
    advised_steps: int = 0
    """How many steps the advice is from."""
    attempt: int = 0
    """Whose steps they are."""


class Curve:
    """What the chart shows: on a long curve a new step is hardly seen, and drawing it costs the most."""

    def __init__(self) -> None:
        self._shown = Report()
        self._at = 0.0

    def shown(self, report: Report, *, is_live: bool) -> Report:
        """The newest, or for a few seconds what was shown before."""
        now = time.monotonic()
        is_long = len(report.metrics) > _LONG_CURVE
        pause = _CURVE_SECONDS * max(len(report.metrics) / _VERY_LONG_CURVE, 1.0)
        if not (is_live and is_long and now - self._at < pause):
            self._shown, self._at = report, now
        return self._shown


def read_report(monitoring: MonitoringService, run: Run, known: Report) -> Report:
    """Metrics since the last known step; all of them again where a resumed run went back. Blocking."""
    events = tuple(monitoring.events(run.id, last=_EVENTS_SHOWN))
    run = monitoring.find(run.id)  # `run` may be of some looks ago
    report = replace(
        known,
        metrics=_metrics(monitoring, run, known),
        attempt=run.attempt,
        stages=monitoring.stages(run),
    )
    if events != known.events:  # measurements, samples and checkpoints are events
        report = replace(
            report,
            events=events,
            measurements=tuple(monitoring.measurements(run.id)),
            samples=tuple(monitoring.samples(run.id)),
            checkpoints=tuple(monitoring.checkpoints(run)),
            changes=memory_changes(monitoring.events(run.id, last=_NOTICES, of_type="notice")),
        )
    has_news = len(report.metrics) >= known.advised_steps * _NEWS or run.status.is_final
    if not has_news and report.measurements == known.measurements:
        return report
    advice = _advice(run, report)
    return replace(report, advice=advice, advised_steps=len(report.metrics))


def _advice(run: Run, report: Report) -> tuple[Advice, ...]:
    """None on an imported run: what it says of rates and ranks would be of settings that nobody knows."""
    if run.is_imported:
        return ()
    return advise(run.config, report.metrics, report.measurements, run.status)


def _metrics(monitoring: MonitoringService, run: Run, known: Report) -> tuple[Metric, ...]:
    """The newest known step is read once more: where it is another now, a resumed run has gone back."""
    last = known.metrics[-1] if known.metrics else None
    if last is None or run.status.is_final or run.attempt != known.attempt or last.step > run.step:
        return tuple(monitoring.metrics(run.id))
    again, *fresh = monitoring.metrics(run.id, after_step=last.step - 1) or (None,)
    if repr(again) != repr(last):  # NaN is not equal to itself
        return tuple(monitoring.metrics(run.id))
    return (*known.metrics, *(metric for metric in fresh if metric)) if fresh else known.metrics
