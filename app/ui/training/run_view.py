"""One run, live: how far it is, how it learns, what it says, and what can be done with it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import flet as ft

from app.domain.expected_loss import expected_loss_note
from app.domain.runs import Measurement, Metric, Run, RunEvent, RunStatus, SampleAnswer
from app.services.everything import Services
from app.services.monitoring import MonitoringService
from app.ui.actions import Problem
from app.ui.kit.copy_button import CopyButton
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.kit.labeled_value import LabeledValue
from app.ui.kit.open_folder_button import OpenFolderButton
from app.ui.kit.section import Section
from app.ui.theme import GAP
from app.ui.training import wording
from app.ui.training.fields import Help
from app.ui.training.log_view import LogView
from app.ui.training.loss_chart import LossChart
from app.ui.training.mounting import keyed, memoised
from app.ui.training.run_actions import RunActions
from app.ui.training.run_status import RunStatusPill
from app.ui.training.samples_view import SampleList
from app.ui.training.timeline_view import Timeline
from app.ui.training.watching import use_answer

_SECONDS: Final = 1.0
_EVENTS_SHOWN: Final = 200
_LONG_CURVE: Final = 100
_CURVE_SECONDS: Final = 3.0


@dataclass(frozen=True)
class Report:
    """What the trainer has said so far."""

    metrics: tuple[Metric, ...] = ()
    events: tuple[RunEvent, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    samples: tuple[SampleAnswer, ...] = ()


class Curve:
    """What the chart shows: on a long curve a new step is hardly seen, and drawing it costs the most."""

    def __init__(self) -> None:
        self._shown: tuple[tuple[Metric, ...], tuple[Measurement, ...]] = ((), ())
        self._at = 0.0

    def shown(self, report: Report, *, is_live: bool) -> tuple[tuple[Metric, ...], tuple[Measurement, ...]]:
        """The newest, or for a few seconds what was shown before."""
        now = time.monotonic()
        is_long = len(report.metrics) > _LONG_CURVE
        if not (is_live and is_long and now - self._at < _CURVE_SECONDS):
            self._shown, self._at = (report.metrics, report.measurements), now
        return self._shown


@ft.component
def RunView(services: Services, run: Run, on_changed: Callable[[], None]) -> ft.Control:
    """Give it the run's id as key. It asks for what is new once a second while the run is going."""
    report, set_report = ft.use_state(Report())
    known = ft.use_ref(Report())
    curve = ft.use_memo(Curve, dependencies=[])
    is_live = not run.status.is_final

    def take(fresh: Report) -> None:
        known.current = fresh
        set_report(fresh)

    use_answer(
        lambda: _read(services.monitoring, run, known.current or Report()),
        take,
        on=(run.attempt, is_live, run.step if not is_live else 0),
        every_seconds=_SECONDS if is_live else None,
    )
    return Section(
        run.name,
        [
            *_messages(run),
            _progress(run),
            _figures(run, report.metrics[-1] if report.metrics else None),
            keyed(RunActions, f"actions-{run.id}", services.training, run, on_changed),
            memoised(LossChart, f"chart-{run.id}", *curve.shown(report, is_live=is_live)),
            *_guide(run, report.metrics[-1] if report.metrics else None),
            memoised(SampleList, f"samples-{run.id}", report.samples),
            memoised(Timeline, f"timeline-{run.id}", report.events),
            memoised(LogView, f"log-{run.id}", services.monitoring, _still(run)),
            LabeledValue(
                "Output folder",
                str(run.output_dir or run.folder),
                is_code=True,
                trailing=CopyButton(str(run.output_dir or run.folder), what="the output folder"),
            ),
            memoised(
                OpenFolderButton,
                f"open-{run.id}",
                services.training.show_folder,
                run.output_dir or run.folder,
            ),
        ],
        subtitle=f"{run.target.label} · {wording.data(run)} · {wording.method(run)}",
        trailing=Identified("run-status", RunStatusPill(run), live=True, label="Run status"),
    )


def _read(monitoring: MonitoringService, run: Run, known: Report) -> Report:
    """Metrics since the last known step; all of them again where a resumed run went back."""
    events = tuple(monitoring.events(run.id, last=_EVENTS_SHOWN))
    last = known.metrics[-1].step if known.metrics else -1
    if last > run.step or run.status.is_final or run.attempt > 1:
        metrics = tuple(monitoring.metrics(run.id))
    else:
        metrics = known.metrics + tuple(monitoring.metrics(run.id, after_step=last))
    if events == known.events:  # measurements and samples are events
        return replace(known, metrics=metrics)
    return Report(metrics, events, tuple(monitoring.measurements(run.id)), tuple(monitoring.samples(run.id)))


def _messages(run: Run) -> list[ft.Control]:
    """Why it failed, or what cannot be seen now."""
    if run.status is RunStatus.FINISHED and run.output:
        return [ft.Text("The result is ready: talk to it further down, in Quick Local Inference.")]
    if not run.message:
        return []
    if run.status is RunStatus.FAILED:
        return [ErrorBanner(Problem(run.message, run.hint))]
    text = f"{run.message} {run.hint}".strip()
    return [Identified("run-message", ft.Text(text, color=ft.Colors.TERTIARY), live=True)]


def _progress(run: Run) -> ft.Control:
    bar = ft.ProgressBar(
        value=wording.progress(run), bar_height=8, border_radius=4, semantics_label="Progress of the run"
    )
    line = ft.Row(
        [
            Identified("run-phase", ft.Text(wording.phase(run), theme_style=ft.TextThemeStyle.TITLE_SMALL)),
            Identified("run-step", ft.Text(wording.steps(run), color=ft.Colors.ON_SURFACE_VARIANT)),
        ],
        alignment=ft.MainAxisAlignment.SPACE_BETWEEN,
    )
    return Identified("run-progress", ft.Column([line, bar], spacing=GAP, tight=True))


def _figures(run: Run, last: Metric | None) -> ft.Control:
    speed = f"{last.tokens_per_second:,.0f} tokens/s" if last and last.tokens_per_second else "–"
    now = wording.now_utc() if not run.status.is_final else (run.ended_at or run.created_at)
    figures = [
        ("run-loss", "Loss now" if not run.status.is_final else "Last loss", wording.number(run.loss)),
        ("run-speed", "Speed", speed),
        ("run-elapsed", "Elapsed", wording.elapsed(run, now) or "–"),
    ]
    if not run.status.is_final:
        figures.append(("run-eta", "Time left", wording.time_left(run) or "–"))
    if last and last.gpu_memory_gb is not None:
        figures.append(("run-gpu", "GPU", wording.gpu(last)))
    cells: list[ft.Control] = [
        ft.Container(Identified(name, _figure(label, value)), col={"xs": 6, "sm": 3})
        for name, label, value in figures
    ]
    return ft.ResponsiveRow(cells, spacing=GAP, run_spacing=GAP)


def _guide(run: Run, last: Metric | None) -> list[ft.Control]:
    """What the training guide expects of the loss by now, where it says something."""
    note = expected_loss_note(run.config, epoch=last.epoch, loss=last.loss) if last else ""
    return [Identified("loss-guide", Help(note))] if note else []


def _figure(label: str, value: str) -> ft.Control:
    name = ft.Text(label, theme_style=ft.TextThemeStyle.LABEL_MEDIUM, color=ft.Colors.ON_SURFACE_VARIANT)
    # Not selectable: that makes a text field of it, whose content screen readers of the page do not get.
    return ft.Column(
        [name, ft.Text(value, theme_style=ft.TextThemeStyle.TITLE_MEDIUM)], spacing=0, tight=True
    )


def _still(run: Run) -> Run:
    """The run without what ticks, for what need not be drawn again with every step."""
    return replace(
        run,
        phase="",
        step=0,
        total_steps=0,
        loss=None,
        eta_seconds=None,
        message="",
        hint="",
        checkpoint=None,
        events_offset=0,
    )
