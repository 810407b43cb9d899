"""A button that opens the formats something can be exported in."""

from collections.abc import Callable, Sequence
from typing import Any

import flet as ft


def FormatMenu(
    name: str, formats: Sequence[tuple[str, Callable[[], Any]]], *, disabled: bool = False
) -> ft.Control:
    """`name` is the tooltip and what screen readers say."""
    color = ft.Colors.OUTLINE if disabled else ft.Colors.ON_SURFACE_VARIANT
    return ft.PopupMenuButton(
        ft.Icon(ft.Icons.DOWNLOAD, semantics_label=name, size=22, color=color),
        tooltip=name,
        disabled=disabled,
        items=[ft.PopupMenuItem(text, on_click=take) for text, take in formats],
    )
