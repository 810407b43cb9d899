"""Ask for a name, and before one that is there already is replaced."""

from collections.abc import Callable
from dataclasses import dataclass

import flet as ft

from app.domain.saved_setups import SavedSetup, SetupNameTakenError
from app.ui.actions import use_action
from app.ui.kit.confirm_dialog import ConfirmDialog
from app.ui.kit.text_field import TextField
from app.ui.kit.typed import use_typed
from app.ui.texts import text


@dataclass(frozen=True)
class Naming:
    """What the dialog says, and what it does with a name; `keep` raises SetupNameTakenError."""

    title: str
    text: str
    confirm: str
    keep: Callable[[str, bool], SavedSetup]
    may_replace: bool = True
    begins_taken: bool = False
    """Whether it is opened because the suggested name was found to be taken."""


def use_naming(naming: Naming, on_done: Callable[[SavedSetup], None]) -> Callable[[str], None]:
    """Returns what opens the dialog with a suggested name."""
    is_open, set_open = ft.use_state(False)
    taken, set_taken = ft.use_state("")
    typed = use_typed()

    def keep() -> SavedSetup | str:
        name = typed.now()
        try:
            return naming.keep(name, bool(taken) and name == taken)
        except SetupNameTakenError:
            if not naming.may_replace:
                raise
            return name

    def done(result: SavedSetup | str) -> None:
        if isinstance(result, str):
            set_taken(result)
            return
        set_open(False)
        on_done(result)

    def open_with(name: str) -> None:
        typed.put(name)
        set_taken(name if naming.begins_taken else "")
        action.dismiss()
        set_open(True)

    action = use_action(keep, on_done=done)
    asks = bool(taken) and typed.shown.strip() == taken
    question = text("training.setups.taken", name=taken) if asks else naming.text
    field = TextField(
        label=text("training.setups.name"),
        value=typed.shown,
        autofocus=True,
        on_change=typed.edit,
        on_submit=action.run,
    )
    dialog = ConfirmDialog(
        text("training.setups.replace_question") if asks else naming.title,
        question,
        confirm=text("training.setups.replace") if asks else naming.confirm,
        on_confirm=action.run,
        on_cancel=lambda: set_open(False),
        is_busy=action.is_busy,
        problem=action.problem,
        is_dangerous=asks,
        extra=field,
    )
    ft.use_dialog(dialog if is_open else None)
    return open_with
