"""Rows that are read a page at a time."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

import flet as ft

from app.ui.actions import Action, use_action

Row = TypeVar("Row")


@dataclass(frozen=True)
class Pages(Generic[Row]):
    """State to render, and how to get to another page."""

    start: int
    """Number of the page's first row, from 0."""
    rows: Sequence[Row]
    load: Action
    """Reads the page again."""
    move: Callable[[int], Coroutine[Any, Any, None]]


def use_pages(read: Callable[[int], Sequence[Row]]) -> Pages[Row]:
    """`read` gets the rows of the page that begins there, off the event loop; the first one at once."""
    start, set_start = ft.use_state(0)
    rows, set_rows = ft.use_state(cast(Sequence[Row], ()))
    wanted = ft.use_ref(0)
    load = use_action(lambda: read(wanted.current or 0), on_done=set_rows)

    async def move(to: int) -> None:
        wanted.current = to
        set_start(to)
        await load.run()

    async def first() -> None:
        await move(0)

    ft.use_effect(first, dependencies=[], cleanup=_nothing)
    return Pages(start, rows, load, move)


def _nothing() -> None:
    pass
