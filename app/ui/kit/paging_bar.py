"""Leaf through something long."""

from collections.abc import Awaitable, Callable

import flet as ft

from app.ui.kit.icon_action import IconAction


def PagingBar(start: int, size: int, total: int, on_move: Callable[[int], Awaitable[None]]) -> ft.Control:
    """ "1 to 50 of 312" between two arrows. `on_move` receives the new start."""
    end = min(start + size, total)

    async def back() -> None:
        await on_move(max(0, start - size))

    async def forward() -> None:
        await on_move(start + size)

    shown = f"{start + 1:,} to {end:,} of {total:,}" if total else "Nothing to show"
    return ft.Row(
        [
            IconAction(ft.Icons.CHEVRON_LEFT, "Previous page", back, disabled=start == 0),
            ft.Text(shown, color=ft.Colors.ON_SURFACE_VARIANT),
            IconAction(ft.Icons.CHEVRON_RIGHT, "Next page", forward, disabled=end >= total),
        ],
        alignment=ft.MainAxisAlignment.CENTER,
        tight=True,
    )
