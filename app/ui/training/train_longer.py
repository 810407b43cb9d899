"""Make an ended run longer: the question how long it is to be in all."""

from collections.abc import Callable
from typing import Final, Literal

import flet as ft

from app.domain.errors import StudioError
from app.domain.runs import Length, Run
from app.services.training import TrainingService
from app.ui.actions import use_action
from app.ui.kit.confirm_dialog import ConfirmDialog
from app.ui.kit.typed import use_typed
from app.ui.theme import GAP
from app.ui.training.fields import Segments
from app.ui.training.going_on import asks_first

Unit = Literal["num_epochs", "max_steps"]
_UNITS: Final[tuple[tuple[Unit, str], ...]] = (("num_epochs", "Epochs"), ("max_steps", "Steps"))


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
        set_unit(next(key for key, _ in _UNITS if key == value))

    extend = use_action(go_on, on_done=done)
    noun = "epochs" if unit == "num_epochs" else "steps"
    field = ft.TextField(
        label=f"In all, {noun}",
        value=typed.shown,
        helper=_helper(unit, run),
        helper_max_lines=3,
        autofocus=True,
        keyboard_type=ft.KeyboardType.NUMBER,
        on_change=typed.edit,
        on_submit=extend.run,
    )
    dialog = ConfirmDialog(
        "Train longer?",
        "The run goes on from its newest checkpoint to the new length. From there on its learning rate "
        "follows the schedule of that length.",
        confirm="Starting…" if extend.is_busy else "Train longer",
        on_confirm=extend.run,
        on_cancel=lambda: set_open(False),
        is_busy=extend.is_busy,
        problem=extend.problem,
        is_dangerous=False,
        extra=ft.Column(
            [Segments("longer-unit", "Counted in", unit, _UNITS, choose), field], spacing=GAP, tight=True
        ),
    )
    ft.use_dialog(dialog if is_open else None)
    return lambda: set_open(True)


def length_of(unit: Unit, text: str, run: Run) -> Length:
    """What was typed, as a length. Raises StudioError if the run would not become longer."""
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise StudioError("That is not a length.", "Type a whole number, counted from the run's beginning.")
    if unit == "num_epochs" and run.config.max_steps:
        raise StudioError("The length of this run is counted in steps.", "Choose Steps.")
    before = run.config.num_epochs if unit == "num_epochs" else run.step
    if int(text) <= before:
        made = "was planned for" if unit == "num_epochs" else "has made"
        noun = ("epoch" if unit == "num_epochs" else "step") + "s" * (before != 1)
        raise StudioError(
            f"The run {made} {before:,} {noun} already.", f"Type more than {before:,}: all count, also those."
        )
    return unit, int(text)


def _unit_of(run: Run) -> Unit:
    return "max_steps" if run.config.max_steps else "num_epochs"


def _helper(unit: Unit, run: Run) -> str:
    if unit == "max_steps":
        return f"It has made {run.step:,} steps; they count."
    if run.config.max_steps:
        return f"Its length is {run.config.max_steps:,} steps, which come first: choose Steps."
    return f"It was planned for {run.config.num_epochs}; they count."
