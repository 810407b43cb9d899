"""What can be done with a run: stop it, stop it and keep its work, go on with it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast

import flet as ft

from app.domain.runs import Run, RunStatus
from app.services.everything import Services
from app.services.resuming import never_began
from app.services.training import TrainingService
from app.ui.actions import Action, use_action
from app.ui.inference.export_part import export_button
from app.ui.inference.export_window import ExportWindow
from app.ui.kit.confirm_dialog import ConfirmDialog
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.landmarks import use_landmark
from app.ui.texts import text
from app.ui.theme import GAP
from app.ui.training.fields import Help, Wrap
from app.ui.training.going_on import GoOn, How, asks_first
from app.ui.training.mounting import keyed
from app.ui.training.train_longer import use_train_longer
from app.ui.training.watching import use_answer

_PATIENCE_SECONDS: Final = 30.0
"""After so long a run that was asked to stop can be asked again."""


@ft.component
def RunActions(
    services: Services, run: Run, on_changed: Callable[[], None], exports: ExportWindow
) -> ft.Control:
    """Buttons that fit the run's state, each with its consequence."""
    training = services.training
    going_on, set_going_on = ft.use_state(cast(How | None, None))
    is_asking, set_asking = ft.use_state(False)
    outlook, set_outlook = ft.use_state(Outlook(None, "", text("training.actions.not_known_yet")))
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
    use_answer(lambda: _outlook(training, run), set_outlook, on=(run.status, run.checkpoint))
    ft.use_dialog(_stop_dialog(run, stop, lambda: set_asking(False)) if is_asking else None)

    # Another window, or this app before it was killed, may have asked; that request may have been lost.
    use_answer(lambda: run.is_stopping, set_overdue, on=run.is_stopping, delay_seconds=_PATIENCE_SECONDS)
    is_stopping = run.is_stopping and not overdue and not (stop.problem or save.problem)
    busy = stop.is_busy or save.is_busy
    place = use_landmark("training-2-run")
    if run.status is RunStatus.QUEUED:
        body = [Help(text("training.actions.queued"))]
    elif run.status.is_final:
        # Once it is known which buttons come before it: its place, with the focus, would become another's.
        is_known = outlook.of is run.status
        export = export_button(run, exports) if run.can_be_exported and is_known else None
        body = _after(
            run, resume, outlook, longer, place, lambda: set_going_on(How(is_new=never_began(run))), export
        )
        if going_on is not None:
            key = f"go-on-{run.id}"
            body.append(keyed(GoOn, key, services, run, going_on, lambda: set_going_on(None), done))
    else:
        asks = (save_now, sample_now)
        body = _during(
            save, asks, place, busy=busy, is_stopping=is_stopping, on_stop=lambda: set_asking(True)
        )
    banner = next((a for a in (save, save_now, sample_now, resume) if a.problem), None)
    return ft.Column(
        [ErrorBanner(banner.problem, on_dismiss=banner.dismiss) if banner else ErrorBanner(None), *body],
        spacing=GAP,
        tight=True,
        visible=bool(body or banner),
    )


@dataclass(frozen=True)
class Outlook:
    """Why an ended run cannot be resumed, why it cannot be made longer, and from where it goes on."""

    of: RunStatus | None
    """Of a run in this state; None: not known yet."""
    not_resumed: str
    not_longer: str
    ground: str = ""


def _outlook(training: TrainingService, run: Run) -> Outlook:
    blocked = training.resume_blocked(run), training.resume_blocked(run, extend=True)
    ground = None if all(blocked) else training.ground(run)
    if ground is None:
        return Outlook(run.status, *blocked)
    if ground.lost:
        older = text("training.actions.note_older", step=ground.state.step, lost=ground.lost)
        return Outlook(run.status, *blocked, older)
    return Outlook(run.status, *blocked, text("training.actions.note_resume", step=ground.state.step))


def _during(
    save: Action,
    asks: tuple[Action, Action],
    place: "ft.Ref[Any]",
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
            text("training.actions.saving") if save.is_busy else text("training.actions.stop_and_save"),
            ft.Icons.SAVE_OUTLINED,
            text("training.actions.asked") if is_stopping else text("training.actions.stop_and_save_help"),
            save.run,
            is_off=locked,
            is_main=True,
            place=place,
        ),
        _button(
            "save-now",
            text("training.actions.save_now"),
            ft.Icons.BOOKMARK_ADD_OUTLINED,
            text("training.actions.save_now_help"),
            save_now.run,
            is_off=locked,
        ),
        _button(
            "sample-now",
            text("training.actions.sample_now"),
            ft.Icons.CHAT_OUTLINED,
            text("training.actions.sample_now_help"),
            sample_now.run,
            is_off=locked,
        ),
        _button(
            "stop",
            text("training.actions.stop"),
            ft.Icons.STOP,
            text("training.actions.asked") if is_stopping else text("training.actions.stop_help"),
            on_stop,
            is_off=locked,
        ),
    ]
    note = text("training.actions.note")
    return [Wrap(buttons), Help(text("training.actions.asked") if is_stopping else note)]


def _after(
    run: Run,
    resume: Action,
    outlook: Outlook,
    on_longer: Callable[[], None],
    place: "ft.Ref[Any]",
    on_place: Callable[[], None],
    export: ft.Control | None,
) -> list[ft.Control]:
    """`on_place` asks where; `export` is the button that takes it along."""
    not_resumed, not_longer = outlook.not_resumed, outlook.not_longer
    if asks_first(run) and never_began(run):
        again = _button(
            "order-again",
            text("training.actions.order_again"),
            ft.Icons.REPLAY,
            text("training.actions.order_again_help"),
            on_place,
            is_off=False,
            is_main=True,
            place=place,
        )
        return [Wrap([again, Help(text("training.actions.nothing_paid"))])]
    buttons = []
    if run.status is not RunStatus.FINISHED:
        is_off = resume.is_busy or bool(not_resumed)
        tip = text("training.actions.resume_help")
        if not_resumed:
            tip = text("training.actions.cannot", reason=not_resumed)
        word = text("training.actions.resume")
        if asks_first(run):
            word = text("training.actions.resume_asking")
        buttons.append(
            _button(
                "resume",
                text("training.actions.resuming") if resume.is_busy else word,
                ft.Icons.PLAY_ARROW,
                tip,
                on_place if asks_first(run) else resume.run,
                is_off=is_off,
                is_main=True,
                place=place,
            )
        )
        if not asks_first(run) and not not_resumed:
            buttons.append(
                _button(
                    "resume-elsewhere",
                    text("training.actions.elsewhere"),
                    ft.Icons.ALT_ROUTE,
                    text("training.actions.elsewhere_help"),
                    on_place,
                    is_off=is_off,
                )
            )
    if not not_longer:
        buttons.append(
            _button(
                "longer",
                text("training.actions.longer"),
                ft.Icons.MORE_TIME,
                text("training.actions.longer_help"),
                on_longer,
                is_off=resume.is_busy,
                place=None if buttons else place,
            )
        )
    note = "" if run.status is RunStatus.FINISHED or not buttons else _note(outlook)
    buttons += [export] if export is not None else []
    return [Wrap([*buttons, *([Help(note)] if note else [])])] if buttons else []


def _note(outlook: Outlook) -> str:
    if outlook.not_resumed:
        return text("training.actions.cannot_note", reason=outlook.not_resumed)
    return outlook.ground


def _button(
    identifier: str,
    label: str,
    icon: ft.IconData,
    tooltip: str,
    on_click: Callable[[], Any],
    *,
    is_off: bool,
    is_main: bool = False,
    place: "ft.Ref[Any] | None" = None,
) -> ft.Control:
    """With `place` it is the landmark."""
    kind = ft.FilledTonalButton if is_main else ft.OutlinedButton
    button = kind(label, ref=place, icon=icon, disabled=is_off, tooltip=tooltip, on_click=on_click)
    return Identified(identifier, button)


def _stop_dialog(run: Run, stop: Action, on_cancel: Callable[[], None]) -> ft.AlertDialog:
    kept = (
        text("training.actions.checkpoint_kept") if run.checkpoint else text("training.actions.no_checkpoint")
    )
    return ConfirmDialog(
        text("training.actions.stop_question"),
        kept,
        confirm=text("training.actions.stopping") if stop.is_busy else text("training.actions.stop_confirm"),
        on_confirm=stop.run,
        on_cancel=on_cancel,
        is_busy=stop.is_busy,
        problem=stop.problem,
    )
