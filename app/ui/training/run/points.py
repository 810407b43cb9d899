"""The points of a chart as controls: what is drawn again is only what changed."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from app.ui.training.curves import Point


class Points:
    """Remembers each line's points. One that is as it was is the same control, which costs nothing to draw:
    of 300 points all new, making, comparing and sending took some 100 ms of the event loop."""

    def __init__(self) -> None:
        self._kept: dict[str, dict[tuple[Point, int], Any]] = {}

    def of(self, line: str, points: Iterable[Point]) -> list[Any]:
        """The controls for the points of a line, by its name; at most once between two drawings."""
        before, count = self._kept.get(line, {}), Counter[float]()
        now: dict[tuple[Point, int], Any] = {}
        for point in points:
            count[point[0]] += 1
            place = point, count[point[0]]
            now[place] = before.get(place) or _control(*place)
        self._kept[line] = now
        return list(now.values())


def _control(point: Point, number: int) -> Any:
    """`number` tells points of one step apart: keys of a line are to differ."""
    import flet_charts as fc  # noqa: PLC0415 - lazily: it costs a third of a second

    x, y = point
    # Nothing is shown on hovering, and the default tooltip is two thirds of what a point costs.
    return fc.LineChartDataPoint(x, y, tooltip=None, show_tooltip=False, key=f"{x!r} {number}")
