"""A button that is only an icon, and still has a name."""

from collections.abc import Callable
from typing import Any

import flet as ft


def IconAction(
    icon: ft.IconData,
    name: str,
    on_click: Callable[[], Any],
    *,
    disabled: bool = False,
    size: int = 22,
    color: ft.ColorValue | None = None,
) -> ft.IconButton:
    """`name` is the tooltip and what screen readers say.

    The icon carries it too: Flet 1.0.5 puts a tooltip on a node around the button, which is left nameless.
    """
    return ft.IconButton(
        ft.Icon(icon, semantics_label=name, size=size, color=color),
        tooltip=name,
        disabled=disabled,
        on_click=on_click,
    )
