"""The body of a tab that scrolls as a whole."""

from collections.abc import Sequence
from typing import Final

import flet as ft

from app.ui.theme import PAGE_PADDING, SPACE

_WIDEST: Final = 1000
"""Longer lines are hard to read."""


def TabColumn(controls: Sequence[ft.Control], *, widest: int = _WIDEST) -> ft.Control:
    """`controls` under each other, at most `widest` logical pixels wide, in one scroll."""
    inner = ft.Column(
        list(controls),
        spacing=SPACE,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )

    return ft.Column(
        [ft.Container(inner, width=widest, padding=PAGE_PADDING)],
        scroll=ft.ScrollMode.AUTO,
        expand=True,
        horizontal_alignment=ft.CrossAxisAlignment.START,
    )
