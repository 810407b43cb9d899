"""What a run will take of the memory there is: a bar, and the same in words."""

from itertools import pairwise

import flet as ft

from app.domain.preflight import MemoryNeed
from app.domain.sizes import sized
from app.ui.kit.identified import Identified
from app.ui.texts import text

_WEIGHT = 1000


def MemoryBar(need: MemoryNeed) -> ft.Control:
    """Full to the lowest estimate, paler to the highest, a mark at the expected one and one at the limit."""
    line = ft.Row(
        [
            ft.Text(_expected(need), theme_style=ft.TextThemeStyle.BODY_SMALL, expand=True),
            ft.Text(
                _limit(need), theme_style=ft.TextThemeStyle.BODY_SMALL, color=ft.Colors.ON_SURFACE_VARIANT
            ),
        ]
    )
    return Identified(
        "ready-memory",
        ft.Column([line, _bar(need)], spacing=4, tight=True),
        label=text("training.ready.memory.title"),
    )


def _expected(need: MemoryNeed) -> str:
    where = (
        text("training.ready.memory.of_gpu") if need.device == "cuda" else text("training.ready.memory.title")
    )
    return text(
        "training.ready.memory.expected",
        where=where,
        expected=sized(need.expected, beside=need.high),
        low=sized(need.low, beside=need.high),
        high=sized(need.high),
    )


def _limit(need: MemoryNeed) -> str:
    if need.free is None:
        return ""
    verdict = (
        text("training.ready.memory.fits")
        if need.high <= need.free
        else text("training.ready.memory.may_not_fit")
        if need.expected <= need.free
        else text("training.ready.memory.too_much")
    )
    return text("training.ready.memory.free", free=sized(need.free), verdict=verdict)


def _bar(need: MemoryNeed) -> ft.Control:
    """Stretches of the bar by where they begin and end, in order."""
    free = need.free or need.high
    whole = max(free, need.high, 1)
    marks = sorted({0, min(need.low, whole), need.expected, need.high, free, whole})
    pieces: list[ft.Control] = []
    for begin, end in pairwise(marks):
        pieces.append(_stretch(need, begin, end, free=free, whole=whole))
        if end == need.expected:
            pieces.append(ft.Container(width=2, bgcolor=ft.Colors.ON_SURFACE))
        if end == free and free < whole:
            pieces.append(ft.Container(width=3, bgcolor=ft.Colors.ERROR))
    return ft.Container(
        ft.Row(pieces, spacing=0, height=8),
        border_radius=4,
        clip_behavior=ft.ClipBehavior.HARD_EDGE,
        bgcolor=ft.Colors.SURFACE_CONTAINER_HIGHEST,
    )


def _stretch(need: MemoryNeed, begin: int, end: int, *, free: int, whole: int) -> ft.Control:
    color: ft.ColorValue | None = None
    if end <= need.high:
        color = ft.Colors.PRIMARY if end <= free else ft.Colors.ERROR
        color = color if end <= need.low else ft.Colors.with_opacity(0.5, color)
    return ft.Container(bgcolor=color, expand=max(round((end - begin) / whole * _WEIGHT), 1))
