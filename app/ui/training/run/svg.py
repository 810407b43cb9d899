"""A chart as an SVG file, for a document or a slide; drawn by hand, as the window's chart cannot be saved."""

from collections.abc import Iterator
from html import escape
from typing import Final

from app.ui.training.curves import Point, tick
from app.ui.training.run.plots import Plot, Shade

_WIDTH: Final = 900
_HEIGHT: Final = 420
_LEFT: Final = 70
_RIGHT: Final = 20
_TOP: Final = 50
_BOTTOM: Final = 40
_COLORS: Final = {"raw": "#d3a27f", "smooth": "#0b5a5e", "measured": "#1b2021", "second": "#93501c"}
_FILLS: Final = {"guide": "#0b5a5e", "advice": "#93501c"}


def svg_of(plot: Plot, title: str) -> str:
    """Black on white, with axes and a legend."""
    parts = "\n".join(
        [*_shades(plot), *_grid(plot), *_lines(plot), *_legend(plot), _text(_LEFT, 22, title, size=16)]
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}">\n'
        f"<title>{escape(title)}</title>\n<desc>{escape(plot.description)}</desc>\n"
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>\n{parts}\n</svg>\n'
    )


def _x(plot: Plot, step: float) -> float:
    return _LEFT + (step - plot.first) / (plot.last - plot.first) * (_WIDTH - _LEFT - _RIGHT)


def _y(plot: Plot, value: float) -> float:
    return _TOP + (plot.high - value) / (plot.high - plot.low) * (_HEIGHT - _TOP - _BOTTOM)


def _lines(plot: Plot) -> Iterator[str]:
    for line in plot.lines:
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (_place(plot, p) for p in line.points))
        width = 1 if line.role == "raw" else 2
        color = _COLORS[line.role]
        yield f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="{width}"/>'
        if line.role == "measured":
            for x, y in (_place(plot, p) for p in line.points):
                yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>'


def _place(plot: Plot, point: Point) -> Point:
    return _x(plot, point[0]), _y(plot, point[1])


def _shades(plot: Plot) -> Iterator[str]:
    for shade in plot.shades:
        yield _box(plot, shade)


def _box(plot: Plot, shade: Shade) -> str:
    left, right = _x(plot, shade.first), _x(plot, min(shade.last, plot.last))
    top, bottom = _y(plot, shade.high), _y(plot, shade.low)
    return (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{max(right - left, 0):.1f}" height="{bottom - top:.1f}" '
        f'fill="{_FILLS[shade.role]}" opacity="0.12"><title>{escape(shade.name)}</title></rect>'
    )


def _grid(plot: Plot) -> Iterator[str]:
    for value, label in plot.marks:
        y = _y(plot, value)
        yield f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#d6d5cc"/>'
        yield _text(_LEFT - 8, y + 4, label, anchor="end")
    distance = max(tick(plot.last - plot.first, about=6), 1.0)
    step = -(-plot.first // distance) * distance
    while step <= plot.last:
        yield _text(_x(plot, step), _HEIGHT - 16, f"{step:g}", anchor="middle")
        step += distance


def _legend(plot: Plot) -> Iterator[str]:
    left = _WIDTH - _RIGHT - 170 * len(plot.lines)
    for number, line in enumerate(plot.lines):
        x = left + 170 * number
        yield f'<line x1="{x}" x2="{x + 20}" y1="36" y2="36" stroke="{_COLORS[line.role]}" stroke-width="3"/>'
        yield _text(x + 26, 40, line.name)


def _text(x: float, y: float, text: str, *, size: int = 12, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}">{escape(text)}</text>'
