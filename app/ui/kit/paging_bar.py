"""Leaf through something long."""

from collections.abc import Awaitable, Callable
from typing import Any

import flet as ft

from app.ui.kit.entered import text_of
from app.ui.kit.icon_action import IconAction


def PagingBar(
    start: int, size: int, total: int, on_move: Callable[[int], Awaitable[None]], *, can_jump: bool = False
) -> ft.Control:
    """ "1 to 50 of 312" between two arrows. `on_move` receives the new start. With `can_jump` the number of a
    row can be typed."""
    end = min(start + size, total)

    async def back() -> None:
        await on_move(max(0, start - size))

    async def forward() -> None:
        await on_move(start + size)

    async def jump(event: ft.Event[ft.TextField]) -> None:
        text = text_of(event).replace(",", "").strip()
        if text.isascii() and text.isdigit() and 0 < int(text) <= total:
            await on_move(int(text) - 1)

    shown = f"{start + 1:,} to {end:,} of {total:,}" if total else "Nothing to show"
    line: list[ft.Control] = [
        IconAction(ft.Icons.CHEVRON_LEFT, "Previous page", back, disabled=start == 0),
        ft.Text(shown, color=ft.Colors.ON_SURFACE_VARIANT),
        IconAction(ft.Icons.CHEVRON_RIGHT, "Next page", forward, disabled=end >= total),
    ]
    if can_jump and total > size:
        line.append(ft.TextField(label="Go to row", width=130, dense=True, on_submit=jump))
    return ft.Row(line, alignment=ft.MainAxisAlignment.CENTER, tight=True)


def HitsBar(
    shown: int,
    *,
    before: int,
    on_back: Callable[[], Any] | None,
    on_forward: Callable[[], Any] | None,
) -> ft.Control:
    """Leaf through hits, of which nobody has counted all. Without a handler there is nothing that way."""
    text = f"Hits {before + 1:,} to {before + shown:,}" if shown else "No more hits"
    return ft.Row(
        [
            IconAction(ft.Icons.CHEVRON_LEFT, "Previous hits", on_back or _nowhere, disabled=on_back is None),
            ft.Text(text + (", perhaps more" if on_forward else ""), color=ft.Colors.ON_SURFACE_VARIANT),
            IconAction(
                ft.Icons.CHEVRON_RIGHT, "Next hits", on_forward or _nowhere, disabled=on_forward is None
            ),
        ],
        alignment=ft.MainAxisAlignment.CENTER,
        tight=True,
    )


def _nowhere() -> None:
    pass
