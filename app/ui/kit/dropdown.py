"""A dropdown from which Tab goes on."""

from collections.abc import Callable, Sequence
from typing import Any

import flet as ft

from app.ui.kit.entered import text_of
from app.ui.kit.focusing import FocusPlace, use_focus_place


@ft.component
def Dropdown(
    name: str,
    label: str,
    value: str | None,
    options: Sequence[ft.DropdownOption],
    on_choose: Callable[[str], Any],
    *,
    hint: str = "",
    menu_height: int | None = None,
    filled: bool = False,
    disabled: bool = False,
) -> ft.Control:
    """As wide as the room it has. `name`: what a screen reader says after a choice.

    Once its list has closed, Flet 1.0.5 has the focus nowhere, so that Tab would begin at the top of the
    window, and its own `focus` takes none. A button nobody sees is there from a choice until Tab leaves it.
    """
    is_resting, rest = ft.use_state(False)
    place = use_focus_place()

    def choose(event: ft.Event[ft.Dropdown]) -> None:
        on_choose(text_of(event))
        rest(True)

    async def take_the_focus() -> None:
        if is_resting:
            await place.take()

    # Flet 1.0.5 cancels an async effect on unmount only if the effect has a cleanup.
    ft.use_effect(take_the_focus, dependencies=[is_resting], cleanup=lambda: None)
    dropdown = ft.Dropdown(
        label=label,
        value=value,
        options=list(options),
        hint_text=hint or None,
        menu_height=menu_height,
        filled=filled,
        disabled=disabled,
        expand=True,  # in a row: only there does Flet 1.0.5 let it fill the width
        on_select=choose,
    )
    resting = _RestingPlace(name, place, lambda: rest(False)) if is_resting else None
    return ft.Row([dropdown, resting] if resting else [dropdown], spacing=0)


def _RestingPlace(name: str, place: FocusPlace, on_leave: Callable[[], None]) -> ft.Control:
    button = ft.TextButton(
        "", ref=place.ref, width=1, height=1, on_focus=place.on_focus, on_blur=lambda _: on_leave()
    )
    return ft.MergeSemantics(ft.Semantics(label=name, content=button))
