"""A plot drawn with Flet's chart, its legend above it."""

import math
from typing import Any, Final

import flet as ft

from app.ui.kit.identified import Identified
from app.ui.texts import text
from app.ui.theme import GAP
from app.ui.training.curves import Point, tick
from app.ui.training.run.plots import Plot, PlotLine, Shade
from app.ui.training.run.points import Points

HEIGHT: Final = 220
RAW_OPACITY: Final = 0.75
"""So much that the line is told from what is behind it: 3 to 1."""
_COLORS: Final = {
    "raw": ft.Colors.with_opacity(RAW_OPACITY, ft.Colors.TERTIARY),
    "smooth": ft.Colors.PRIMARY,
    "measured": ft.Colors.ON_SURFACE,
    "second": ft.Colors.TERTIARY,
}
_WIDTHS: Final = {"raw": 1.5, "smooth": 2.5, "measured": 2.0, "second": 2.0}
_FILLS: Final = {
    "guide": ft.Colors.with_opacity(0.14, ft.Colors.PRIMARY),
    "advice": ft.Colors.with_opacity(0.16, ft.Colors.TERTIARY),
}


@ft.component
def Chart(plot: Plot | None, *, is_live: bool) -> ft.Control:
    """Memoise it: drawing costs some milliseconds of the event loop."""
    points = ft.use_memo(Points, dependencies=[])
    if plot is None:
        said = text("training.chart.begins") if is_live else text("training.chart.no_step")
        body: ft.Control = ft.Container(
            ft.Text(said, color=ft.Colors.ON_SURFACE_VARIANT),
            height=HEIGHT if is_live else None,
            alignment=ft.Alignment.CENTER,
        )
        return Identified("loss-chart", body)
    column = ft.Column([_legend(plot), _chart(plot, points)], spacing=GAP, tight=True)
    return Identified("loss-chart", column, label=plot.description)


def _legend(plot: Plot) -> ft.Control:
    entries = [_entry(_like(line), line.name) for line in _smooth_first(plot.lines)]
    for name, role in dict.fromkeys((shade.name, shade.role) for shade in plot.shades):
        entries.append(_entry(_piece(_FILLS[role], 18, 12), name))
    row = ft.Row(entries, spacing=GAP * 2, run_spacing=2, wrap=True)
    if not plot.note:
        return row
    note = ft.Text(plot.note, theme_style=ft.TextThemeStyle.BODY_SMALL, color=ft.Colors.ON_SURFACE_VARIANT)
    return ft.Column([row, note], spacing=2, tight=True)


def _smooth_first(lines: tuple[PlotLine, ...]) -> list[PlotLine]:
    return sorted(lines, key=lambda line: line.role == "raw")


def _like(line: PlotLine) -> ft.Control:
    """Dashed, thin, or with points, as the line in the chart is: colour alone tells nobody who sees none."""
    color, height = _COLORS[line.role], _WIDTHS[line.role] + 0.5
    if line.role == "second":
        pieces, gap = [_piece(color, 6, height), _piece(color, 6, height)], 4
    elif line.role == "measured":
        pieces, gap = [_piece(color, 6, height), _piece(color, 8, 8), _piece(color, 6, height)], 0
    else:
        pieces, gap = [_piece(color, 18, height)], 0
    return ft.Row(pieces, spacing=gap, tight=True)


def _piece(color: str, width: float, height: float) -> ft.Control:
    return ft.Container(width=width, height=height, bgcolor=color, border_radius=min(width, height) / 2)


def _entry(like: ft.Control, text: str) -> ft.Control:
    return ft.Container(
        ft.Row([like, ft.Text(text, theme_style=ft.TextThemeStyle.BODY_SMALL)], spacing=6, tight=True)
    )


def _chart(plot: Plot, points: Points) -> Any:
    # Lazily: importing flet_charts costs a third of a second (a full one where matplotlib is installed).
    import flet_charts as fc  # noqa: PLC0415

    return fc.LineChart(
        data_series=[
            *(_shade(fc, shade, points.of(f"shade {n}", _top(shade))) for n, shade in enumerate(plot.shades)),
            *(_line(fc, line, points.of(line.name, line.points)) for line in plot.lines),
        ],
        min_x=plot.first,
        max_x=plot.last,
        min_y=plot.low,
        max_y=plot.high,
        left_axis=_axis(fc, plot.marks, size=48),
        bottom_axis=_axis(fc, _steps(plot), size=28),
        horizontal_grid_lines=fc.ChartGridLines(
            interval=tick(plot.high - plot.low), color=ft.Colors.OUTLINE_VARIANT, width=1
        ),
        animation=0,
        interactive=False,
        height=HEIGHT - 28,
    )


def _line(fc: Any, line: PlotLine, points: list[Any]) -> Any:
    return fc.LineChartData(
        points=points,
        key=line.name,
        color=_COLORS[line.role],
        stroke_width=_WIDTHS[line.role],
        dash_pattern=[6, 3] if line.role == "second" else None,
        point=line.role == "measured" or len(line.points) == 1,
    )


def _shade(fc: Any, shade: Shade, points: list[Any]) -> Any:
    """Flet's chart knows no areas: an unseen line with everything down to `low` filled."""
    return fc.LineChartData(
        points=points,
        color=ft.Colors.TRANSPARENT,
        stroke_width=0,
        below_line_bgcolor=_FILLS[shade.role],
        below_line_cutoff_y=shade.low,
    )


def _top(shade: Shade) -> tuple[Point, ...]:
    return (shade.first, shade.high), (shade.last, shade.high)


def _steps(plot: Plot) -> tuple[tuple[float, str], ...]:
    step = max(tick(plot.last - plot.first), 1.0)
    count = range(math.ceil(plot.first / step), math.floor(plot.last / step) + 1)
    return tuple((n * step, f"{n * step:g}") for n in count)


def _axis(fc: Any, marks: tuple[tuple[float, str], ...], *, size: float) -> Any:
    labels = [
        fc.ChartAxisLabel(value=at, label=ft.Text(text, theme_style=ft.TextThemeStyle.BODY_SMALL))
        for at, text in marks
    ]
    return fc.ChartAxis(labels=labels, label_size=size)
