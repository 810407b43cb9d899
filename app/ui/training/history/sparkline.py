"""A loss curve as small as a word."""

import math
from collections.abc import Sequence
from typing import Final

import flet as ft
import flet.canvas as cv

WIDTH: Final = 88.0
HEIGHT: Final = 26.0
_EDGE: Final = 2.0

Spot = tuple[float, float]


def spots(losses: Sequence[float], *, width: float = WIDTH, height: float = HEIGHT) -> list[Spot]:
    """Where the points of the line lie, from the upper left; on the middle line if all losses are alike."""
    finite = [loss for loss in losses if math.isfinite(loss)]
    if len(finite) < 2:
        return []
    low, high = min(finite), max(finite)
    inner_width, inner_height = width - 2 * _EDGE, height - 2 * _EDGE
    return [
        (
            _EDGE + inner_width * i / (len(finite) - 1),
            _EDGE + inner_height * ((high - loss) / (high - low) if high > low else 0.5),
        )
        for i, loss in enumerate(finite)
    ]


def Sparkline(losses: Sequence[float]) -> ft.Control:
    """Empty space of the same size while there are fewer than two points. Words beside say what it means."""
    line = spots(losses)
    if not line:
        return ft.Container(width=WIDTH, height=HEIGHT)
    path = [cv.Path.MoveTo(*line[0]), *(cv.Path.LineTo(x, y) for x, y in line[1:])]
    paint = ft.Paint(
        stroke_width=1.6,
        style=ft.PaintingStyle.STROKE,
        color=ft.Colors.PRIMARY,
        stroke_join=ft.StrokeJoin.ROUND,
    )
    return cv.Canvas([cv.Path(path, paint)], width=WIDTH, height=HEIGHT)
