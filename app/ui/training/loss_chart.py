"""The loss as it falls: each step, a smoothed line through them, and the loss on the rows kept aside."""

import math
from collections.abc import Sequence
from typing import Any, Final

import flet as ft

from app.domain.runs import Measurement, Metric
from app.ui.kit.identified import Identified
from app.ui.theme import GAP
from app.ui.training.curves import Point, bounds, decimate, smooth, tick

POINTS_SHOWN: Final = 150
"""A line. Flet's chart takes seconds from a few thousand points on."""
_HEIGHT: Final = 220


@ft.component
def LossChart(metrics: Sequence[Metric], measurements: Sequence[Measurement] = ()) -> ft.Control:
    """Empty until the first step. Memoise it: drawing costs some 20 ms of the event loop."""
    points = [(float(m.step), m.loss) for m in metrics if math.isfinite(m.loss)]
    if not points:
        body: ft.Control = ft.Container(
            ft.Text("The loss curve begins with the first step.", color=ft.Colors.ON_SURFACE_VARIANT),
            height=_HEIGHT,
            alignment=ft.Alignment.CENTER,
        )
        return Identified("loss-chart", body)
    smoothed = list(zip([x for x, _ in points], smooth([y for _, y in points]), strict=True))
    last = points[-1]
    measured = [(float(m.step), m.loss) for m in measurements if m.step <= last[0] and math.isfinite(m.loss)]
    label = f"Loss curve: {points[0][1]:.3f} at step {points[0][0]:.0f}, {last[1]:.3f} at step {last[0]:.0f}"
    if measured:
        label += f"; validation loss {measured[-1][1]:.3f} at step {measured[-1][0]:.0f}"
    legend = _legend(has_measurements=bool(measured))
    column = ft.Column([legend, _chart(points, smoothed, measured)], spacing=GAP, tight=True)
    return Identified("loss-chart", column, label=label)


def _legend(*, has_measurements: bool) -> ft.Control:
    entries = [_legend_entry(ft.Colors.PRIMARY, "Loss, smoothed"), _legend_entry(_RAW_COLOR, "each step")]
    if has_measurements:
        entries.append(_legend_entry(_MEASURED_COLOR, "validation"))
    return ft.Row(
        entries,
        spacing=GAP * 2,
        alignment=ft.MainAxisAlignment.END,
    )


def _legend_entry(color: str, text: str) -> ft.Control:
    line = ft.Container(width=18, height=3, bgcolor=color, border_radius=2)
    return ft.Row([line, ft.Text(text, theme_style=ft.TextThemeStyle.BODY_SMALL)], spacing=6, tight=True)


_RAW_COLOR: Final = ft.Colors.with_opacity(0.5, ft.Colors.TERTIARY)


_MEASURED_COLOR: Final = ft.Colors.ON_SURFACE


def _chart(points: Sequence[Point], smoothed: Sequence[Point], measured: Sequence[Point]) -> Any:
    # Lazily: importing flet_charts costs a third of a second (a full one where matplotlib is installed).
    import flet_charts as fc  # noqa: PLC0415

    low, high = bounds([y for _, y in (*points, *measured)])
    first, last = points[0][0], max(points[-1][0], points[0][0] + 1)
    return fc.LineChart(
        data_series=[
            _line(fc, points, color=_RAW_COLOR, width=1.5),
            _line(fc, smoothed, color=ft.Colors.PRIMARY, width=2.5),
            *([_line(fc, measured, color=_MEASURED_COLOR, width=2, has_points=True)] if measured else []),
        ],
        min_x=first,
        max_x=last,
        min_y=low,
        max_y=high,
        left_axis=chart_axis(fc, low, high, size=48),
        bottom_axis=chart_axis(fc, first, last, size=28, is_whole=True),
        horizontal_grid_lines=fc.ChartGridLines(
            interval=tick(high - low), color=ft.Colors.OUTLINE_VARIANT, width=1
        ),
        animation=0,
        interactive=False,
        height=_HEIGHT - 28,
    )


def _line(fc: Any, points: Sequence[Point], *, color: str, width: float, has_points: bool = False) -> Any:
    thinned = decimate(points, POINTS_SHOWN)
    return fc.LineChartData(
        points=[fc.LineChartDataPoint(x, y) for x, y in thinned],
        color=color,
        stroke_width=width,
        point=has_points or len(thinned) == 1,
    )


def chart_axis(fc: Any, low: float, high: float, *, size: float, is_whole: bool = False) -> Any:
    step = max(tick(high - low), 1.0) if is_whole else tick(high - low)
    values = [round(n * step, 10) for n in range(math.ceil(low / step), math.floor(high / step) + 1)]
    labels = [
        fc.ChartAxisLabel(value=v, label=ft.Text(f"{v:g}", theme_style=ft.TextThemeStyle.BODY_SMALL))
        for v in values
    ]
    return fc.ChartAxis(labels=labels, label_size=size)
