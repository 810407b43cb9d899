"""Leaf through something long."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import flet as ft

from app.ui.kit.entered import text_of, whole
from app.ui.kit.icon_action import IconAction
from app.ui.kit.text_field import TextField
from app.ui.texts import text

_WIDTH: Final = 130
"""Of the field for the number of a row."""


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

    shown = (
        text("window.paging.shown", first=start + 1, last=end, total=total)
        if total
        else text("window.paging.nothing")
    )
    line: list[ft.Control] = [
        IconAction(ft.Icons.CHEVRON_LEFT, text("window.paging.previous"), back, disabled=start == 0),
        ft.Text(shown, color=ft.Colors.ON_SURFACE_VARIANT),
        IconAction(ft.Icons.CHEVRON_RIGHT, text("window.paging.next"), forward, disabled=end >= total),
    ]
    if can_jump and total > size:
        line.append(GoToRow(total, on_move))
    return ft.Row(line, alignment=ft.MainAxisAlignment.CENTER, tight=True)


@ft.component
def GoToRow(total: int, on_move: Callable[[int], Awaitable[None]]) -> ft.Control:
    """Says which rows there are where one is asked for that is not among them."""
    wrong, set_wrong = ft.use_state("")

    async def jump(event: ft.Event[ft.TextField]) -> None:
        said = text_of(event).replace(",", "").strip()
        row = whole(said)
        if row is not None and 0 < row <= total:
            set_wrong("")
            await on_move(row - 1)
        else:
            set_wrong(said)

    return TextField(
        label=text("window.paging.go_to"),
        value=wrong,
        width=_WIDTH,
        dense=True,
        error=text("window.paging.go_to_rows", total=total) if wrong else None,
        error_max_lines=3,
        on_submit=jump,
    )


def HitsBar(
    shown: int,
    *,
    before: int,
    on_back: Callable[[], Any] | None,
    on_forward: Callable[[], Any] | None,
) -> ft.Control:
    """Leaf through hits, of which nobody has counted all. Without a handler there is nothing that way."""
    return ft.Row(
        [
            IconAction(
                ft.Icons.CHEVRON_LEFT,
                text("window.paging.previous_hits"),
                on_back or _nowhere,
                disabled=on_back is None,
            ),
            ft.Text(
                _hits(before, shown, may_be_more=on_forward is not None), color=ft.Colors.ON_SURFACE_VARIANT
            ),
            IconAction(
                ft.Icons.CHEVRON_RIGHT,
                text("window.paging.next_hits"),
                on_forward or _nowhere,
                disabled=on_forward is None,
            ),
        ],
        alignment=ft.MainAxisAlignment.CENTER,
        tight=True,
    )


def _hits(before: int, shown: int, *, may_be_more: bool) -> str:
    if not shown:
        return text("window.paging.no_more_hits_more") if may_be_more else text("window.paging.no_more_hits")
    first, last = before + 1, before + shown
    if may_be_more:
        return text("window.paging.hits_more", first=first, last=last)
    return text("window.paging.hits", first=first, last=last)


def _nowhere() -> None:
    pass
