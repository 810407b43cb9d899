"""What can be done with a run: stop it, stop it and keep its work, go on with it."""

from collections.abc import Callable
from typing import Any, Final, cast

import flet as ft

from app.domain.runs import Run, RunStatus
from app.services.everything import Services
from app.services.resuming import never_began
from app.services.training import TrainingService
from app.ui.actions import Action, use_action
from app.ui.kit.confirm_dialog import ConfirmDialog
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.theme import GAP
from app.ui.training.fields import Help, Wrap
from app.ui.training.going_on import GoOn, How, asks_first
from app.ui.training.mounting import keyed
from app.ui.training.train_longer import use_train_longer
from app.ui.training.watching import use_answer

_PATIENCE_SECONDS: Final = 30.0
"""After so long a run that was asked to stop can be asked again."""
_STOPPING: Final = "It has been asked to stop and is on its way out."


@ft.component
def RunActions(services: Services, run: Run, on_changed: Callable[[], None]) -> ft.Control:
    """Buttons that fit the run's state, each with its consequence."""
    training = services.training
    going_on, set_going_on = ft.use_state(cast(How | None, None))
    is_asking, set_asking = ft.use_state(False)
    blocked, set_blocked = ft.use_state(("", "it is not known yet"))
    overdue, set_overdue = ft.use_state(False)

    def done(_: Run) -> None:
        set_asking(False)
        set_going_on(None)
        on_changed()

    stop = use_action(lambda: training.stop(run.id, save=False), on_done=done)
    save = use_action(lambda: training.stop(run.id, save=True), on_done=done)
    save_now = use_action(lambda: training.save_now(run.id), on_done=done)
    sample_now = use_action(lambda: training.sample_now(run.id), on_done=done)
    resume = use_action(lambda: training.resume(run.id), on_done=done)
    longer = use_train_longer(training, run, done, lambda length: set_going_on(How(extend=length)))
    use_answer(lambda: _blocked(training, run), set_blocked, on=(run.status, run.checkpoint))
    ft.use_dialog(_stop_dialog(run, stop, lambda: set_asking(False)) if is_asking else None)

    # Another window, or this app before it was killed, may have asked; that request may have been lost.
    use_answer(lambda: run.is_stopping, set_overdue, on=run.is_stopping, delay_seconds=_PATIENCE_SECONDS)
    is_stopping = run.is_stopping and not overdue and not (stop.problem or save.problem)
    busy = stop.is_busy or save.is_busy
    if run.status is RunStatus.QUEUED:
        body = [Help("It starts by itself when its turn comes; the queue below says why it waits.")]
    elif run.status.is_final:
        body = _after(run, resume, blocked, longer, lambda: set_going_on(How(is_new=never_began(run))))
        if going_on is not None:
            key = f"go-on-{run.id}"
            body.append(keyed(GoOn, key, services, run, going_on, lambda: set_going_on(None), done))
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


def _blocked(training: TrainingService, run: Run) -> tuple[str, str]:
    return training.resume_blocked(run), training.resume_blocked(run, extend=True)


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
    locked = busy or is_stopping
    buttons = [
        _button(
            "stop-save",
            "Saving and stopping…" if save.is_busy else "Stop and save",
            ft.Icons.SAVE_OUTLINED,
            _STOPPING
            if is_stopping
            else "Writes a checkpoint now, then stops. Resume goes on from this step.",
            save.run,
            is_off=locked,
            is_main=True,
        ),
        _button(
            "save-now",
            "Save now",
            ft.Icons.BOOKMARK_ADD_OUTLINED,
            "Writes a checkpoint after the step at hand. The run goes on.",
            save_now.run,
            is_off=locked or save_now.is_busy,
        ),
        _button(
            "sample-now",
            "Sample now",
            ft.Icons.CHAT_OUTLINED,
            "The model answers questions of its data after the step at hand. The run goes on.",
            sample_now.run,
            is_off=locked or sample_now.is_busy,
        ),
        _button(
            "stop",
            "Stop",
            ft.Icons.STOP,
            _STOPPING if is_stopping else "Stops at once. Steps after the last checkpoint are lost.",
            on_stop,
            is_off=locked,
        ),
    ]
    note = "Stop and save writes a checkpoint first. Stop loses the steps after the last checkpoint."
    return [Wrap(buttons), Help(_STOPPING if is_stopping else note)]


def _after(
    run: Run,
    resume: Action,
    blocked: tuple[str, str],
    on_longer: Callable[[], None],
    on_place: Callable[[], None],
) -> list[ft.Control]:
    """`blocked`: why it cannot be resumed, and why it cannot be made longer. `on_place` asks where."""
    not_resumed, not_longer = blocked
    if asks_first(run) and never_began(run):
        tip = "Shows what is free and what it costs now; nothing is ordered before your yes."
        again = _button(
            "order-again", "Start again…", ft.Icons.REPLAY, tip, on_place, is_off=False, is_main=True
        )
        return [Wrap([again, Help("No pod was started, and nothing was paid.")])]
    buttons = []
    if run.status is not RunStatus.FINISHED:
        is_off = resume.is_busy or bool(not_resumed)
        tip = f"Cannot be resumed: {not_resumed}" if not_resumed else "Goes on from the last checkpoint."
        word = "Resume…" if asks_first(run) else "Resume"
        buttons.append(
            _button(
                "resume",
                "Resuming…" if resume.is_busy else word,
                ft.Icons.PLAY_ARROW,
                tip,
                on_place if asks_first(run) else resume.run,
                is_off=is_off,
                is_main=True,
            )
        )
        if not asks_first(run) and not not_resumed:
            tip = "Goes on from the last checkpoint on this computer, in Docker, or on a rented GPU."
            buttons.append(
                _button(
                    "resume-elsewhere", "Resume elsewhere…", ft.Icons.ALT_ROUTE, tip, on_place, is_off=is_off
                )
            )
    if not not_longer:
        tip = "Goes on from the last checkpoint to more epochs or steps than planned."
        buttons.append(
            _button("longer", "Train longer…", ft.Icons.MORE_TIME, tip, on_longer, is_off=resume.is_busy)
        )
    note = "" if run.status is RunStatus.FINISHED else _note(not_resumed)
    return [Wrap([*buttons, *([Help(note)] if note else [])])] if buttons else []


def _note(not_resumed: str) -> str:
    return f"Cannot be resumed: {not_resumed}." if not_resumed else "Resume goes on from the last checkpoint."


def _button(
    identifier: str,
    label: str,
    icon: ft.IconData,
    tooltip: str,
    on_click: Callable[[], Any],
    *,
    is_off: bool,
    is_main: bool = False,
) -> ft.Control:
    kind = ft.FilledTonalButton if is_main else ft.OutlinedButton
    return Identified(identifier, kind(label, icon=icon, disabled=is_off, tooltip=tooltip, on_click=on_click))


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
