"""Two columns that scroll by themselves; one below the other where the window is narrow."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import flet as ft

from app.ui.theme import PAGE_PADDING, SPACE, text_scale

_FROM_WIDTH: Final = 900
"""Of the tab in logical pixels, at the usual text size."""


@dataclass(frozen=True)
class Columns:
    """The frame of a tab."""

    is_wide: bool
    _measure: Callable[[ft.LayoutSizeChangeEvent[ft.LayoutControl]], None]

    def frame(
        self,
        left: Sequence[ft.Control],
        right: Sequence[ft.Control],
        *,
        stacked: Sequence[ft.Control] | None = None,
    ) -> ft.Control:
        """`stacked` is the order in one column; without it the right ones come last."""
        one = _scrolling(stacked or [*left, *right], expand=True, left=SPACE, right=SPACE)
        return ft.Container(
            _beside(left, right) if self.is_wide else one, expand=True, on_size_change=self._measure
        )


def use_two_columns() -> Columns:
    """Measures by itself what it stands in."""
    page = ft.context.page
    is_wide, set_wide = ft.use_state((page.width or 1280) >= _FROM_WIDTH * text_scale(page))

    def measure(event: ft.LayoutSizeChangeEvent[ft.LayoutControl]) -> None:
        set_wide(event.width >= _FROM_WIDTH * text_scale(page))

    return Columns(is_wide, measure)


def _beside(left: Sequence[ft.Control], right: Sequence[ft.Control]) -> ft.Control:
    return ft.Row(
        [
            _scrolling(left, expand=5, left=PAGE_PADDING, right=SPACE),
            _scrolling(right, expand=6, left=SPACE, right=PAGE_PADDING),
        ],
        spacing=0,
        expand=True,
        vertical_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _scrolling(controls: Sequence[ft.Control], *, expand: bool | int, left: int, right: int) -> ft.Control:
    column = ft.Column(
        list(controls), spacing=SPACE, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH
    )
    padding = ft.Padding(left=left, top=PAGE_PADDING, right=right, bottom=PAGE_PADDING)
    return ft.Column(
        [ft.Container(column, padding=padding)],
        scroll=ft.ScrollMode.AUTO,
        expand=expand,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
