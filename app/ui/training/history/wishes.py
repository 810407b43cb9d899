"""What a card of the history was asked to do, done or asked back about."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import flet as ft

from app.domain.runs import Run, RunId
from app.domain.setups import Setup
from app.services.everything import Services
from app.services.history import Clone
from app.ui.actions import use_action
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.texts import text
from app.ui.training.beginner.cloned import Opened
from app.ui.training.fields import Help
from app.ui.training.going_on import GoOn, How, asks_first
from app.ui.training.history.card import Wish
from app.ui.training.history.dialogs import Checkpoints, DeleteRun, EditText
from app.ui.training.mounting import keyed


@dataclass(frozen=True)
class Wishes:
    wish: Callable[[Wish, RunId], None]
    shown: list[ft.Control]
    """What came of the last one, and the dialog that asks back."""


def use_wishes(
    services: Services,
    runs: Sequence[Run],
    on_clone: Callable[[RunId, Setup], Opened],
    on_changed: Callable[[], None],
) -> Wishes:
    """Cloning and going back to the queue happen at once; the others open a dialog, and so does going back
    to a queue that would rent a GPU: its price is seen first."""
    asked, set_asked = ft.use_state(cast(tuple[Wish, Run] | None, None))
    told, set_told = ft.use_state("")
    opened, set_opened = ft.use_state(cast(Opened | None, None))
    wished = ft.use_ref(RunId(""))
    page = ft.context.page

    def the_wished() -> Run:
        return services.monitoring.find(wished.current or "")

    def clone_wished() -> tuple[RunId, Clone]:
        run = the_wished()  # another may be wished before this one is read
        return run.id, services.history.clone(run)

    def cloned(made: tuple[RunId, Clone]) -> None:
        run_id, clone = made
        opened = on_clone(run_id, clone.setup)
        parts = (text("training.history.cloned"), opened.said, *clone.notes)
        set_told(" ".join(part for part in parts if part))
        set_opened(opened)

    def returned(run: Run) -> None:
        set_told(text("training.history.returned", name=run.name))
        on_changed()

    clone = use_action(clone_wished, on_done=cloned)
    back = use_action(lambda: services.queue.add_back(the_wished().id), on_done=returned)

    def undo() -> None:
        is_done = opened is None or opened.undo()
        set_opened(None)
        set_told("" if is_done else text("training.setups.undo_gone"))

    def wish(kind: Wish, run_id: RunId) -> None:
        set_told("")
        set_opened(None)
        wished.current = run_id
        run = next((run for run in runs if run.id == run_id), None)
        if kind == "clone":
            page.run_task(clone.run)
        elif kind == "return" and not (run and asks_first(run)):
            page.run_task(back.run)
        else:
            set_asked((kind, run) if run else None)

    def close() -> None:
        set_asked(None)

    def done() -> None:
        set_asked(None)
        on_changed()

    def agreed(run: Run) -> None:
        set_asked(None)
        returned(run)

    failed = next((action for action in (clone, back) if action.problem), None)
    shown = _told(told, undo if opened is not None and opened.can_undo() else None)
    if failed:
        shown.append(ErrorBanner(failed.problem, on_dismiss=failed.dismiss))
    if asked is not None:
        shown.append(_dialog(services, *asked, close, done, agreed))
    return Wishes(wish, shown)


def _told(told: str, undo: Callable[[], None] | None) -> list[ft.Control]:
    lines: list[ft.Control] = [Identified("history-told", Help(told), live=True)] if told else []
    if undo is not None:
        button = ft.TextButton(text("training.setups.undo"), icon=ft.Icons.UNDO, on_click=undo)
        lines.append(Identified("clone-undo", button))
    return lines


def _dialog(
    services: Services,
    wish: Wish,
    run: Run,
    close: Callable[[], None],
    done: Callable[[], None],
    agreed: Callable[[Run], None],
) -> ft.Control:
    history = services.history
    if wish == "return":
        return keyed(GoOn, f"return-{run.id}", services, run, How(waits=True), close, agreed)
    if wish == "delete":
        return keyed(DeleteRun, f"delete-{run.id}", services, run, close, done)
    if wish == "checkpoints":
        return keyed(Checkpoints, f"checkpoints-{run.id}", services, run, close, done)
    if wish == "rename":
        return keyed(
            EditText,
            f"rename-{run.id}",
            text("training.history.rename", name=run.name),
            text("training.history.name"),
            run.name,
            lambda name: history.rename(run.id, name),
            close,
            done,
        )
    return keyed(
        EditText,
        f"note-{run.id}",
        text("training.history.note_on", name=run.name),
        text("training.history.note"),
        run.note,
        lambda note: history.write_note(run.id, note),
        close,
        done,
        is_long=True,
    )
