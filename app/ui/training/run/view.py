"""One run, live: how far it is, how it learns, what it says, and what can be done with it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final

import flet as ft

from app.domain.dashboards import dashboards
from app.domain.gain import gain
from app.domain.runs import Run, RunId, RunStatus, Target
from app.domain.setups import Setup
from app.services.everything import Services
from app.ui.actions import Problem
from app.ui.inference.export_part import ExportPart
from app.ui.inference.export_window import ExportWindow
from app.ui.kit.copy_button import CopyButton
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.kit.labeled_value import LabeledValue
from app.ui.kit.open_folder_button import OpenFolderButton
from app.ui.kit.section import Section
from app.ui.landmarks import TALK, focus_on, scroll_to_piece, scrolled_to, use_landmark
from app.ui.texts import text
from app.ui.training import wording
from app.ui.training.beginner.cloned import Opened
from app.ui.training.log_view import LogView
from app.ui.training.mounting import Unwatched, keyed, memoised
from app.ui.training.run.changes_view import MemoryChanges
from app.ui.training.run.checkpoints_view import CheckpointList
from app.ui.training.run.dashboards_view import Dashboards
from app.ui.training.run.figures import Figures, Guide, Progress
from app.ui.training.run.hands import Hands
from app.ui.training.run.learning import Learning
from app.ui.training.run.log_copy_view import LogCopyView
from app.ui.training.run.log_search import LogSearch
from app.ui.training.run.phase_strip import PhaseStrip
from app.ui.training.run.plots import CurveData
from app.ui.training.run.rental_card import RentalCard
from app.ui.training.run.report import Curve, Report, read_report
from app.ui.training.run.trouble_view import Diagnostics, TroubleCard
from app.ui.training.run_actions import RunActions
from app.ui.training.run_status import RunStatusPill
from app.ui.training.samples_view import SampleList
from app.ui.training.timeline_view import Timeline
from app.ui.training.watching import use_answer

_SECONDS: Final = 1.0
_TALK: Final = "talk"


@ft.component
def RunView(
    services: Services,
    run: Run,
    on_changed: Callable[[], None],
    on_setup: Callable[[RunId, Setup], Opened],
    on_started: Callable[[Run], Any],
    exports: Unwatched[ExportWindow],
) -> ft.Control:
    """Give it the run's id as key. It asks for what is new once a second while the run is going.

    `on_setup` puts a setup made of the run into the form; `on_started` is told of a run that was started from
    here.
    """
    report, set_report = ft.use_state(Report())
    known = ft.use_ref(Report())
    curve = ft.use_memo(Curve, dependencies=[])
    hands = ft.use_memo(partial(Hands, services), dependencies=[])
    hands.on_changed, hands.on_setup, hands.on_started = on_changed, partial(on_setup, run.id), on_started
    is_live, is_rented = not run.status.is_final, run.target is Target.RUNPOD

    def take(fresh: Report) -> None:
        known.current = fresh
        set_report(fresh)

    use_answer(
        lambda: read_report(services.monitoring, run, known.current or Report()),
        take,
        on=(run.attempt, is_live, run.step if not is_live else 0),
        every_seconds=_SECONDS if is_live else None,
    )
    last, still = report.metrics[-1] if report.metrics else None, _still(run)
    drawn = curve.shown(report, is_live=is_live)
    data = CurveData(run.config, drawn.metrics, drawn.measurements, drawn.advice)
    return Section(
        run.name,
        [
            *_messages(run, hands),
            *([keyed(RentalCard, f"rental-{run.id}", services.renting, run)] if is_rented else []),
            memoised(PhaseStrip, f"stages-{run.id}", report.stages),
            Progress(run),
            Figures(run, last, gain(report.measurements)),
            memoised(RunActions, f"actions-{run.id}", services, _acted_on(run), on_changed, exports.value),
            *_exports(services, _acted_on(run), exports.value),
            memoised(MemoryChanges, f"changes-{run.id}", report.changes),
            memoised(Learning, f"learning-{run.id}", still, data, hands),
            *Guide(run, last),
            memoised(Dashboards, f"dashboards-{run.id}", tuple(dashboards(run.config, run.folder))),
            memoised(SampleList, f"samples-{run.id}", report.samples),
            memoised(CheckpointList, f"checkpoints-{run.id}", still, report.checkpoints),
            memoised(Timeline, f"timeline-{run.id}", report.events),
            memoised(LogView, f"log-{run.id}", services.monitoring, still),
            *([memoised(LogCopyView, f"log-copy-{run.id}", services.monitoring, still)] if is_rented else []),
            memoised(LogSearch, f"log-search-{run.id}", services.monitoring, still),
            LabeledValue(
                text("training.run.output_folder"),
                str(run.output_dir or run.folder),
                is_code=True,
                trailing=CopyButton(
                    str(run.output_dir or run.folder), what=text("training.run.the_output_folder")
                ),
            ),
            memoised(
                OpenFolderButton,
                f"open-{run.id}",
                services.training.show_folder,
                run.output_dir or run.folder,
            ),
        ],
        subtitle=f"{wording.place(run)} · {wording.data(run)} · {wording.method(run)}",
        trailing=Identified("run-status", RunStatusPill(run), live=True, label=text("training.run.status")),
    )


def _exports(services: Services, run: Run, window: ExportWindow) -> list[ft.Control]:
    """Once a run that has ended has something to take along."""
    if not run.can_be_exported:
        return []
    return [memoised(ExportPart, f"exports-{run.id}", services.exporting, run, window)]


def _messages(run: Run, hands: Hands) -> list[ft.Control]:
    """What to do next, why it failed, or what cannot be seen now."""
    if run.status is RunStatus.FINISHED and run.output:
        return [memoised(TalkToIt, f"talk-{run.id}")]
    if run.status is RunStatus.FAILED:
        banner = ErrorBanner(Problem(run.message, run.hint)) if run.message else ErrorBanner(None)
        return [banner, memoised(TroubleCard, f"trouble-{run.id}", _failed(run), hands)]
    if not run.message:
        return []
    text = f"{run.message} {run.hint}".strip()
    said = Identified("run-message", ft.Text(text, color=ft.Colors.TERTIARY), live=True)
    return (
        [said, memoised(Diagnostics, f"diagnostics-{run.id}", _failed(run), hands)] if _ran(run) else [said]
    )


def _ran(run: Run) -> bool:
    """Whether there may be something of it to show to a helper: not of one that waits, or never began."""
    is_waiting = run.status is RunStatus.QUEUED
    return not is_waiting and not (run.status.is_final and run.started_at is None)


@ft.component
def TalkToIt() -> ft.Control:
    """What comes next after a run: to the prompt, wherever that stands."""
    place = use_landmark("training-3-talk")
    talk = ft.FilledButton(
        text("training.run.talk"), ref=place, icon=ft.Icons.CHAT_OUTLINED, on_click=_go_to_talk
    )
    said = ft.Text(text("training.run.talk_help"), expand=True)
    return ft.Row([Identified("talk-to-it", talk), said], spacing=12)


def talk_place(panel: ft.Control) -> ft.Control:
    """Where “Talk to it” leads."""
    return scrolled_to(_TALK, panel)


async def _go_to_talk(event: ft.Event[ft.Button]) -> None:
    """Scroll whatever column this stands in: the right one of two, or the only one."""
    if await scroll_to_piece(event.control, _TALK, milliseconds=300):
        await asyncio.sleep(0.4)  # what is out of sight takes no focus
        await focus_on(event.page, TALK, scrolls=False)


def _failed(run: Run) -> Run:
    """What its troubles depend on."""
    return replace(_still(run), message=run.message, hint=run.hint, checkpoint=run.checkpoint)


def _acted_on(run: Run) -> Run:
    """What its buttons depend on."""
    return replace(_still(run), checkpoint=run.checkpoint, step=run.step if run.status.is_final else 0)


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
