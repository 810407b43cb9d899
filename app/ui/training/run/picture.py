"""A chart as plain shapes, for a file: the window's own cannot be saved. Counted from the upper left."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from app.ui.training.curves import Point, tick
from app.ui.training.run.plots import Plot, Shade

WIDTH: Final = 900
HEIGHT: Final = 420
_LEFT: Final = 70
_RIGHT: Final = 20
_TOP: Final = 50
_BOTTOM: Final = 40
_COLORS: Final = {"raw": "#d3a27f", "smooth": "#0b5a5e", "measured": "#1b2021", "second": "#93501c"}
_FILLS: Final = {"guide": "#0b5a5e", "advice": "#93501c"}
DASH: Final = (6, 3)
"""Drawn and left out, along a dashed line; as in the window."""
_GRID: Final = "#d6d5cc"


@dataclass(frozen=True)
class Stroke:
    points: tuple[Point, ...]
    color: str
    width: float
    is_dashed: bool = False


@dataclass(frozen=True)
class Dot:
    at: Point
    color: str
    radius: float = 3


@dataclass(frozen=True)
class Box:
    """A range, so pale that what lies in it can be read."""

    upper_left: Point
    lower_right: Point
    color: str
    name: str
    opacity: float = 0.12


@dataclass(frozen=True)
class Words:
    at: Point
    """Where the line of text begins, stands in the middle, or ends, on its base line."""
    text: str
    size: int = 12
    anchor: Literal["start", "middle", "end"] = "start"


Shape = Stroke | Dot | Box | Words


def picture_of(plot: Plot, title: str) -> tuple[Shape, ...]:
    """In the order they are drawn in."""
    heading = Words((_LEFT, 22), title, size=16)
    return (*_shades(plot), *_grid(plot), *_lines(plot), *_legend(plot), heading)


def _place(plot: Plot, point: Point) -> Point:
    step, value = point
    x = _LEFT + (step - plot.first) / (plot.last - plot.first) * (WIDTH - _LEFT - _RIGHT)
    y = _TOP + (plot.high - value) / (plot.high - plot.low) * (HEIGHT - _TOP - _BOTTOM)
    return x, y


def _lines(plot: Plot) -> Iterator[Shape]:
    for line in plot.lines:
        points = tuple(_place(plot, point) for point in line.points)
        color = _COLORS[line.role]
        yield Stroke(points, color, 1 if line.role == "raw" else 2, is_dashed=line.role == "second")
        if line.role == "measured" or len(points) == 1:
            yield from (Dot(point, color) for point in points)


def _shades(plot: Plot) -> Iterator[Shape]:
    for shade in plot.shades:
        yield _box(plot, shade)


def _box(plot: Plot, shade: Shade) -> Box:
    left, top = _place(plot, (shade.first, shade.high))
    right, bottom = _place(plot, (min(shade.last, plot.last), shade.low))
    return Box((left, top), (max(right, left), bottom), _FILLS[shade.role], shade.name)


def _grid(plot: Plot) -> Iterator[Shape]:
    for value, label in plot.marks:
        _, y = _place(plot, (plot.first, value))
        yield Stroke(((_LEFT, y), (WIDTH - _RIGHT, y)), _GRID, 1)
        yield Words((_LEFT - 8, y + 4), label, anchor="end")
    distance = max(tick(plot.last - plot.first, about=6), 1.0)
    step = -(-plot.first // distance) * distance
    while step <= plot.last:
        x, _ = _place(plot, (step, plot.low))
        yield Words((x, HEIGHT - 16), f"{step:g}", anchor="middle")
        step += distance


def _legend(plot: Plot) -> Iterator[Shape]:
    left = WIDTH - _RIGHT - 170 * len(plot.lines)
    for number, line in enumerate(plot.lines):
        x = left + 170 * number
        yield Stroke(((x, 36), (x + 20, 36)), _COLORS[line.role], 3, is_dashed=line.role == "second")
        yield Words((x + 26, 40), line.name)
