"""Loss curves as a screen can draw them: thinned, with readable axes."""

import math
from collections.abc import Sequence
from typing import Final

Point = tuple[float, float]


def decimate(points: Sequence[Point], limit: int) -> list[Point]:
    """At most `limit` points with the same first and last, keeping each stretch's lowest and highest.

    Every peak stays visible, which even spacing would lose. A stretch is a power of two long, so that of a
    curve that grows the same points are kept until it is twice as long.
    """
    if len(points) <= limit:
        return list(points)
    if limit < 4:
        return [points[0], points[-1]][:limit]
    inner, most = points[1:-1], (limit - 2) // 2
    length = 2 ** math.ceil(math.log2(len(inner) / most))
    kept = [points[0]]
    for start in range(0, len(inner), length):
        stretch = inner[start : start + length]
        ends = {min(stretch, key=_height), max(stretch, key=_height)}
        kept.extend(sorted(ends))
    return [*kept, points[-1]]


_SMALLEST_SPAN: Final = 1e-12
"""Less is no height on any screen, and floats below about 1e-308 have no usable logarithm."""


def bounds(values: Sequence[float]) -> tuple[float, float]:
    """Lowest and highest edge of an axis around the values, on round numbers, never of zero height."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return 0.0, 1.0
    low, high = min(finite), max(finite)
    step = tick(max(high - low or abs(high) or 1.0, _SMALLEST_SPAN))
    lower, upper = math.floor(low / step) * step, math.ceil(high / step) * step
    return (lower, upper) if upper > lower else (lower, lower + step)


def tick(span: float, *, about: int = 4) -> float:
    """A round distance (1, 2 or 5 times a power of ten) that divides `span` into about so many parts."""
    power: float = 10.0 ** math.floor(math.log10(span / about))
    return next((power * factor for factor in (1, 2, 5) if span / (power * factor) <= about), power * 10)


def _height(point: Point) -> float:
    return point[1]
