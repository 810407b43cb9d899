"""Make an ended run longer: the question how long it is to be in all."""

from collections.abc import Callable
from typing import Final, Literal

import flet as ft

from app.domain.errors import StudioError
from app.domain.runs import Length, Run
from app.services.training import TrainingService
from app.ui.actions import use_action
from app.ui.kit.confirm_dialog import ConfirmDialog
from app.ui.kit.text_field import TextField
from app.ui.kit.typed import use_typed
from app.ui.texts import counted, text, text_in
from app.ui.theme import GAP
from app.ui.training.fields import Segments
from app.ui.training.going_on import asks_first

Unit = Literal["num_epochs", "max_steps"]
_UNITS: Final[tuple[Unit, ...]] = ("num_epochs", "max_steps")


def use_train_longer(
    training: TrainingService,
    run: Run,
    on_changed: Callable[[Run], object],
    on_priced: Callable[[Length], None],
) -> Callable[[], None]:
    """Returns what opens the dialog. `on_priced` takes the length where going on costs money."""
    is_open, set_open = ft.use_state(False)
    chosen, set_unit = ft.use_state(_unit_of(run))
    unit: Unit = "max_steps" if chosen == "max_steps" else "num_epochs"
    typed = use_typed()

    def done(longer: Run | Length) -> None:
        set_open(False)
        if isinstance(longer, Run):
            on_changed(longer)
        else:
            on_priced(longer)

    def go_on() -> Run | Length:
        length = length_of(unit, typed.now(), run)
        return length if asks_first(run) else training.resume(run.id, extend=length)

    def choose(value: str) -> None:
        set_unit(next(key for key in _UNITS if key == value))

    extend = use_action(go_on, on_done=done)
    field = TextField(
        label=text_in("training.longer.in_all", unit),
        value=typed.shown,
        helper=_helper(unit, run),
        helper_max_lines=3,
        autofocus=True,
        keyboard_type=ft.KeyboardType.NUMBER,
        on_change=typed.edit,
        on_submit=extend.run,
    )
    dialog = ConfirmDialog(
        text("training.longer.question"),
        text("training.longer.help"),
        confirm=text("training.longer.starting") if extend.is_busy else text("training.longer.confirm"),
        on_confirm=extend.run,
        on_cancel=lambda: set_open(False),
        is_busy=extend.is_busy,
        problem=extend.problem,
        is_dangerous=False,
        extra=ft.Column(
            [
                Segments(
                    "longer-unit",
                    text("training.longer.counted_in"),
                    unit,
                    [(each, text_in("training.longer.units", each)) for each in _UNITS],
                    choose,
                ),
                field,
            ],
            spacing=GAP,
            tight=True,
        ),
    )
    ft.use_dialog(dialog if is_open else None)
    return lambda: set_open(True)


def length_of(unit: Unit, typed: str, run: Run) -> Length:
    """What was typed, as a length. Raises StudioError if the run would not become longer."""
    if not (typed.isascii() and typed.isdigit() and len(typed) < 12):
        raise StudioError(text("training.longer.no_length"), text("training.longer.no_length_hint"))
    if unit == "num_epochs" and run.config.max_steps:
        raise StudioError(text("training.longer.in_steps"), text("training.longer.in_steps_hint"))
    before = run.config.num_epochs if unit == "num_epochs" else run.step
    if int(typed) <= before:
        raise StudioError(_already(unit, before), text("training.longer.more_than", count=before))
    return unit, int(typed)


def _already(unit: Unit, before: int) -> str:
    if unit == "num_epochs":
        return counted("training.longer.epochs_already", before)
    return counted("training.longer.steps_already", before)


def _unit_of(run: Run) -> Unit:
    return "max_steps" if run.config.max_steps else "num_epochs"


def _helper(unit: Unit, run: Run) -> str:
    if unit == "max_steps":
        return text("training.longer.made_steps", steps=run.step)
    if run.config.max_steps:
        return text("training.longer.steps_first", steps=run.config.max_steps)
    return text("training.longer.planned", epochs=run.config.num_epochs)
