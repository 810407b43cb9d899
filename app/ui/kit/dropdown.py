"""A dropdown from which Tab goes on, after a choice and after Escape."""

from collections.abc import Callable, Sequence
from typing import Any

import flet as ft

from app.ui.kit.entered import text_of
from app.ui.kit.focusing import FocusPlace, use_focus_place
from app.ui.kit.open_list import list_opened


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
    window, and its own `focus` takes none. A button nobody sees is there from then until Tab leaves it.
    """
    is_resting, rest = ft.use_state(False)
    times_closed, set_times_closed = ft.use_state(0)
    times_escaped, set_times_escaped = ft.use_state(0)
    place, page = use_focus_place(), ft.context.page

    def choose(event: ft.Event[ft.Dropdown]) -> None:
        on_choose(text_of(event))
        closed()

    def closed() -> None:
        rest(True)
        set_times_closed(lambda times: times + 1)

    def escaped() -> None:
        rest(True)
        set_times_escaped(lambda times: times + 1)

    async def take_the_focus() -> None:
        if is_resting:
            await place.take()

    # Flet 1.0.5 cancels an async effect on unmount only if the effect has a cleanup.
    ft.use_effect(take_the_focus, dependencies=[is_resting], cleanup=lambda: None)
    dropdown = ft.Dropdown(
        key=f"escaped-{times_escaped}",  # else Flet 1.0.5 goes on showing what the arrow keys went over
        label=label,
        value=value,
        options=list(options),
        hint_text=hint or None,
        menu_height=menu_height,
        filled=filled,
        disabled=disabled,
        expand=True,  # in a row: only there does Flet 1.0.5 let it fill the width
        on_select=choose,
        selected_trailing_icon=_arrow_of_an_open_list(times_closed, lambda: list_opened(page, escaped)),
    )
    resting = _RestingPlace(name, place, lambda: rest(False)) if is_resting else None
    return ft.Row([dropdown, resting] if resting else [dropdown], spacing=0)


def _arrow_of_an_open_list(times_closed: int, on_open: Callable[[], None]) -> ft.Control:
    """Flet 1.0.5 tells nobody that a list opens or closes. This is drawn only while it is open, and tells its
    size when it is drawn first: so each opening needs one of its own."""
    arrow = ft.Icon(ft.Icons.ARROW_DROP_UP)
    return ft.Container(arrow, key=f"open-{times_closed}", on_size_change=lambda _: on_open())


def _RestingPlace(name: str, place: FocusPlace, on_leave: Callable[[], None]) -> ft.Control:
    button = ft.TextButton(
        "", ref=place.ref, width=1, height=1, on_focus=place.on_focus, on_blur=lambda _: on_leave()
    )
    return ft.MergeSemantics(ft.Semantics(label=name, content=button))
