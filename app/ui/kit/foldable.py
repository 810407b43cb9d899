"""Settings under a heading that opens and closes them: one look for all that is folded away."""

from collections.abc import Callable, Sequence

import flet as ft

from app.ui.kit.identified import Identified
from app.ui.theme import GAP


def Foldable(
    title: str,
    body: Callable[[], Sequence[ft.Control]],
    *,
    badge: ft.Control | None = None,
    identifier: str = "",
    tooltip: str = "",
    starts_open: bool = False,
    is_forced_open: bool = False,
) -> ft.Control:
    """Uses state: to be called in a component. What is closed is not made at all.

    No ExpansionTile: in Flet 1.0.5 its fields vanish for screen readers once its title changes.
    """
    is_open, set_open = ft.use_state(starts_open)
    shows = is_open or is_forced_open
    button = ft.TextButton(
        title,
        icon=ft.Icons.EXPAND_LESS if shows else ft.Icons.EXPAND_MORE,
        tooltip=tooltip or None,
        on_click=lambda: set_open(not is_open),
    )
    heading: list[ft.Control] = [
        ft.Semantics(expanded=shows, content=button),
        *([Identified(identifier, badge)] if badge else []),
    ]
    # In containers: Flet 1.0.5 cannot draw a control whose `expand` is set, even to False, in a wrapping row.
    row = ft.Row([ft.Container(control) for control in heading], wrap=True, spacing=GAP, run_spacing=GAP)
    return ft.Column(
        [row, *(body() if shows else [])],
        spacing=GAP * 1.5,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
