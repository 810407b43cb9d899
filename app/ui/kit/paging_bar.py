"""Leaf through something long."""

from collections.abc import Awaitable, Callable

import flet as ft


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
            ft.IconButton(ft.Icons.CHEVRON_LEFT, tooltip="Previous page", disabled=start == 0, on_click=back),
            ft.Text(shown, color=ft.Colors.ON_SURFACE_VARIANT),
            ft.IconButton(
                ft.Icons.CHEVRON_RIGHT, tooltip="Next page", disabled=end >= total, on_click=forward
            ),
        ],
        alignment=ft.MainAxisAlignment.CENTER,
        tight=True,
    )
