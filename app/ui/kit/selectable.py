"""Text that can be marked and copied."""

import flet as ft


def Selectable(content: ft.Control, *, expand: bool | int = False) -> ft.Control:
    """All texts inside can be selected.

    Never by `ft.Text(selectable=True)`: Flet 1.0.5 leaves such a text out of what screen readers are given.
    """
    return ft.SelectionArea(content, expand=expand)
