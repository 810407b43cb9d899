"""What can be done with a run: stop it, stop it and keep its work, go on with it."""

from collections.abc import Callable
from typing import Final

import flet as ft

from app.domain.runs import Run, RunStatus
from app.services.training import TrainingService
from app.ui.actions import Action, use_action
from app.ui.kit.confirm_dialog import ConfirmDialog
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.theme import GAP
from app.ui.training.fields import Wrap
from app.ui.training.watching import use_answer

_PATIENCE_SECONDS: Final = 30.0
"""After so long a run that was asked to stop can be asked again."""
_STOPPING: Final = "It has been asked to stop and is on its way out."


@ft.component
def RunActions(training: TrainingService, run: Run, on_changed: Callable[[], None]) -> ft.Control:
    """Buttons that fit the run's state, each with its consequence."""
    is_asking, set_asking = ft.use_state(False)
    blocked, set_blocked = ft.use_state("")
    overdue, set_overdue = ft.use_state(False)

    def done(_: Run) -> None:
        set_asking(False)
        on_changed()

    stop = use_action(lambda: training.stop(run.id, save=False), on_done=done)
    save = use_action(lambda: training.stop(run.id, save=True), on_done=done)
    save_now = use_action(lambda: training.save_now(run.id), on_done=done)
    sample_now = use_action(lambda: training.sample_now(run.id), on_done=done)
    resume = use_action(lambda: training.resume(run.id), on_done=done)
    use_answer(lambda: training.resume_blocked(run), set_blocked, on=(run.status, run.checkpoint))
    ft.use_dialog(_stop_dialog(run, stop, lambda: set_asking(False)) if is_asking else None)

    # Another window, or this app before it was killed, may have asked; that request may have been lost.
    use_answer(lambda: run.is_stopping, set_overdue, on=run.is_stopping, delay_seconds=_PATIENCE_SECONDS)
    is_stopping = run.is_stopping and not overdue and not (stop.problem or save.problem)
    busy = stop.is_busy or save.is_busy
    if run.status.is_final:
        body = [] if run.status is RunStatus.FINISHED else _after(resume, blocked)
    else:
        asks = (save_now, sample_now)
        body = _during(save, asks, busy=busy, is_stopping=is_stopping, on_stop=lambda: set_asking(True))
    banner = next((a for a in (save, save_now, sample_now, resume) if a.problem), None)
    return ft.Column(
        [ErrorBanner(banner.problem, on_dismiss=banner.dismiss) if banner else ErrorBanner(None), *body],
        spacing=GAP,
        tight=True,
        visible=bool(body or banner),
    )


def _during(
    save: Action,
    asks: tuple[Action, Action],
    *,
    busy: bool,
    is_stopping: bool,
    on_stop: Callable[[], None],
) -> list[ft.Control]:
    """`asks` are to save and to sample, without stopping."""
    save_now, sample_now = asks
    keep = ft.FilledTonalButton(
        "Saving and stopping…" if save.is_busy else "Stop and save",
        icon=ft.Icons.SAVE_OUTLINED,
        disabled=busy or is_stopping,
        tooltip=_STOPPING
        if is_stopping
        else "Writes a checkpoint now, then stops. Resume goes on from this step.",
        on_click=save.run,
    )
    now = ft.OutlinedButton(
        "Save now",
        icon=ft.Icons.BOOKMARK_ADD_OUTLINED,
        disabled=busy or is_stopping or save_now.is_busy,
        tooltip="Writes a checkpoint after the step at hand. The run goes on.",
        on_click=save_now.run,
    )
    sample = ft.OutlinedButton(
        "Sample now",
        icon=ft.Icons.CHAT_OUTLINED,
        disabled=busy or is_stopping or sample_now.is_busy,
        tooltip="The model answers questions of its data after the step at hand. The run goes on.",
        on_click=sample_now.run,
    )
    stop = ft.OutlinedButton(
        "Stop",
        icon=ft.Icons.STOP,
        disabled=busy or is_stopping,
        tooltip=_STOPPING if is_stopping else "Stops at once. Steps after the last checkpoint are lost.",
        on_click=on_stop,
    )
    note = "Stop and save writes a checkpoint first. Stop loses the steps after the last checkpoint."
    return [
        Wrap(
            [
                Identified("stop-save", keep),
                Identified("save-now", now),
                Identified("sample-now", sample),
                Identified("stop", stop),
            ]
        ),
        ft.Text(
            _STOPPING if is_stopping else note,
            theme_style=ft.TextThemeStyle.BODY_SMALL,
            color=ft.Colors.ON_SURFACE_VARIANT,
        ),
    ]


def _after(resume: Action, blocked: str) -> list[ft.Control]:
    button = ft.FilledTonalButton(
        "Resuming…" if resume.is_busy else "Resume",
        icon=ft.Icons.PLAY_ARROW,
        disabled=resume.is_busy or bool(blocked),
        tooltip=f"Cannot be resumed: {blocked}" if blocked else "Goes on from the last checkpoint.",
        on_click=resume.run,
    )
    note = f"Cannot be resumed: {blocked}." if blocked else "Goes on from the last checkpoint."
    text = ft.Text(note, theme_style=ft.TextThemeStyle.BODY_SMALL, color=ft.Colors.ON_SURFACE_VARIANT)
    return [Wrap([Identified("resume", button), text])]


def _stop_dialog(run: Run, stop: Action, on_cancel: Callable[[], None]) -> ft.AlertDialog:
    kept = (
        "Its last checkpoint is kept and can be resumed; the steps since then are lost."
        if run.checkpoint
        else "It has no checkpoint yet, so everything it learned is lost."
    )
    return ConfirmDialog(
        "Stop this run?",
        kept,
        confirm="Stopping…" if stop.is_busy else "Stop now",
        on_confirm=stop.run,
        on_cancel=on_cancel,
        is_busy=stop.is_busy,
        problem=stop.problem,
    )
