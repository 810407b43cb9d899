"""Several runs over each other: curves on real steps, last numbers, and how their settings differ."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import flet as ft

from app.domain.runs import Run
from app.domain.setup_differences import differences, worded
from app.services.history import Compared, HistoryService
from app.services.loss_files import LossPoint, smoothed
from app.ui.actions import problem_of
from app.ui.kit.icon_action import IconAction
from app.ui.kit.identified import Identified
from app.ui.kit.section import Section
from app.ui.texts import text, text_in
from app.ui.theme import GAP
from app.ui.training import wording
from app.ui.training.curves import Point, bounds, decimate, tick
from app.ui.training.fields import Help, Segments
from app.ui.training.saving import offer_file
from app.ui.training.selection import RunSelection
from app.ui.training.watching import use_answer

MOST: Final = 6
_POINTS: Final = 120
_HEIGHT: Final = 240
_NAME_WIDTH: Final = 130
"""So that all columns are in sight beside the form in a window of 1280 pixels."""
_SECONDS: Final = 5.0


@dataclass(frozen=True)
class _Look:
    """A line's looks: told apart by its dashes and its number as well as by its colour."""

    color: str
    dashes: tuple[int, ...]


_LOOKS: Final = (
    _Look(ft.Colors.PRIMARY, ()),
    _Look(ft.Colors.TERTIARY, (8, 4)),
    _Look(ft.Colors.ON_SURFACE, (2, 3)),
    _Look(ft.Colors.ERROR, (12, 4, 2, 4)),
    _Look(ft.Colors.SECONDARY, (4, 4)),
    _Look(ft.Colors.OUTLINE, (14, 6)),
)


@ft.component
def CompareRuns(history: HistoryService, runs: Sequence[Run], selection: RunSelection) -> ft.Control:
    """Of more than `MOST` runs the first ones have a curve; all have a line in the table."""
    found, set_found = ft.use_state(dict[str, Compared]())
    smoothing, set_smoothing = ft.use_state("smooth")
    said, set_said = ft.use_state("")
    is_live = any(not run.status.is_final for run in runs)
    ids = tuple(run.id for run in runs)

    def read() -> dict[str, Compared]:
        return {run.id: history.compared(run) for run in runs}

    use_answer(
        read,
        set_found,
        on=(ids, is_live),
        every_seconds=_SECONDS if is_live else None,
    )

    def close() -> None:
        selection.compared = ()

    async def export() -> None:
        try:
            path = await asyncio.to_thread(history.write_curves, runs)
            set_said(await offer_file(path, path.name, path.parent))
        except Exception as error:
            problem = problem_of(error)
            set_said(f"{problem.message} {problem.hint}")

    curves = [found[run.id].curve if run.id in found else () for run in runs[:MOST]]
    chart = _chart(curves, is_smooth=smoothing == "smooth")
    choice = Segments(
        "compare-smoothing",
        text("training.compare.curves"),
        smoothing,
        [("smooth", text("training.compare.smoothed")), ("raw", text("training.compare.raw"))],
        set_smoothing,
    )
    body: list[ft.Control] = [
        choice,
        _legend(runs),
        Identified("compare-chart", chart, label=_said(runs, curves)),
        _table(runs, found),
        *_difference(runs),
    ]
    if len(runs) > MOST:
        body.insert(2, Help(text("training.compare.first_runs", count=MOST)))
    if said:
        body.append(Help(said))
    trailing = ft.Row(
        [
            IconAction(ft.Icons.DOWNLOAD, text("training.compare.save_csv"), export),
            IconAction(ft.Icons.CLOSE, text("training.compare.stop"), close),
        ],
        tight=True,
        spacing=0,
    )
    return Identified(
        "compare", Section(text("training.compare.title", count=len(runs)), body, trailing=trailing)
    )


def _chart(curves: Sequence[Sequence[LossPoint]], *, is_smooth: bool) -> ft.Control:
    # Lazily: importing flet_charts costs a third of a second.
    import flet_charts as fc  # noqa: PLC0415

    lines = [_points(curve, is_smooth=is_smooth) for curve in curves]
    every = [point for line in lines for point in line]
    if not every:
        empty = ft.Text(text("training.compare.begins"), color=ft.Colors.ON_SURFACE_VARIANT)
        return ft.Container(empty, height=_HEIGHT, alignment=ft.Alignment.CENTER)
    low, high = bounds([y for _, y in every])
    first, last = min(x for x, _ in every), max(x for x, _ in every)
    chart: ft.Control = fc.LineChart(
        data_series=[_line(fc, line, _LOOKS[i]) for i, line in enumerate(lines) if line],
        min_x=first,
        max_x=max(last, first + 1),
        min_y=low,
        max_y=high,
        left_axis=_axis(fc, low, high, size=48),
        bottom_axis=_axis(fc, first, max(last, first + 1), size=28, is_whole=True),
        horizontal_grid_lines=fc.ChartGridLines(
            interval=tick(high - low), color=ft.Colors.OUTLINE_VARIANT, width=1
        ),
        animation=0,
        interactive=False,
        height=_HEIGHT,
    )
    return chart


def _points(curve: Sequence[LossPoint], *, is_smooth: bool) -> list[Point]:
    losses = [point.loss for point in curve]
    shown = smoothed(losses) if is_smooth else losses
    return [(float(point.step), loss) for point, loss in zip(curve, shown, strict=True)]


def _line(fc: Any, points: Sequence[Point], look: _Look) -> Any:
    thinned = decimate(points, _POINTS)
    return fc.LineChartData(
        points=[fc.LineChartDataPoint(x, y) for x, y in thinned],
        color=look.color,
        stroke_width=2.2,
        dash_pattern=list(look.dashes) or None,
        point=len(thinned) == 1,
    )


def _legend(runs: Sequence[Run]) -> ft.Control:
    entries = [_entry(i, run, look) for i, (run, look) in enumerate(zip(runs, _LOOKS, strict=False), 1)]
    return ft.Row([ft.Container(e) for e in entries], wrap=True, spacing=GAP * 2, run_spacing=GAP / 2)


def _entry(number: int, run: Run, look: _Look) -> ft.Control:
    on, off = (look.dashes[:2] if look.dashes else (28, 0)) or (28, 0)
    dashes: list[ft.Control] = [
        ft.Container(width=min(on, 28), height=3, bgcolor=look.color) for _ in range(max(28 // (on + off), 1))
    ]
    line = ft.Row(dashes, spacing=off, tight=True)
    return ft.Row(
        [line, ft.Text(f"{number}. {run.name}", theme_style=ft.TextThemeStyle.BODY_SMALL)],
        spacing=6,
        tight=True,
    )


def _said(runs: Sequence[Run], curves: Sequence[Sequence[LossPoint]]) -> str:
    parts = [
        text(
            "training.compare.described",
            name=run.name,
            first=curve[0].loss,
            last=curve[-1].loss,
            step=curve[-1].step,
        )
        for run, curve in zip(runs, curves, strict=False)
        if curve
    ]
    return text("training.compare.curves_described", curves="; ".join(parts))


_COLUMNS: Final = ("name", "method", "status", "steps", "loss", "validation", "time")


def _table(runs: Sequence[Run], found: Mapping[str, Compared]) -> ft.Control:
    best = min((c.best_validation for c in found.values() if c.best_validation is not None), default=math.inf)
    rows = []
    for number, run in enumerate(runs, start=1):
        compared = found.get(run.id, Compared())
        lowest = wording.number(compared.best_validation)
        cells = (
            f"{number}. {run.name}",
            wording.method(run),
            text_in("training.statuses", run.status),
            f"{run.step:,}",
            wording.number(run.loss),
            text("training.compare.best", loss=lowest) if compared.best_validation == best else lowest,
            wording.elapsed(run, wording.now_utc()) or "–",
        )
        rows.append(ft.DataRow([_cell(cells[0], width=_NAME_WIDTH), *map(_cell, cells[1:])]))
    table = ft.DataTable(
        columns=[
            ft.DataColumn(
                label=ft.Text(
                    text_in("training.compare.columns", column), theme_style=ft.TextThemeStyle.BODY_SMALL
                )
            )
            for column in _COLUMNS
        ],
        rows=rows,
        column_spacing=GAP * 2,
        data_row_min_height=32,
        data_row_max_height=36,
        heading_row_height=36,
        horizontal_margin=0,
    )
    note = Help(text("training.compare.note"))
    return Identified(
        "compare-table",
        ft.Column([ft.Row([table], scroll=ft.ScrollMode.AUTO), note], spacing=GAP / 2, tight=True),
    )


def _cell(said: str, *, width: int | None = None) -> ft.DataCell:
    """In a `width` what is too long ends in dots; the number before a name tells it apart."""
    is_short = width is not None
    words = ft.Text(
        said,
        theme_style=ft.TextThemeStyle.BODY_SMALL,
        width=width,
        max_lines=1 if is_short else None,
        overflow=ft.TextOverflow.ELLIPSIS if is_short else ft.TextOverflow.CLIP,
        tooltip=said if is_short else None,
    )
    return ft.DataCell(words)


def _difference(runs: Sequence[Run]) -> list[ft.Control]:
    """How the settings of two runs differ."""
    if len(runs) != 2:
        return [Help(text("training.compare.two_only"))]
    left, right = runs
    if left.is_imported or right.is_imported:
        return [Help(text("training.compare.not_of_imported"))]
    said = [(d.label, worded(d.left), worded(d.right)) for d in differences(left.config, right.config)]
    found = [*_elsewhere(left, right), *said]
    title = ft.Text(text("training.compare.differences"), theme_style=ft.TextThemeStyle.TITLE_SMALL)
    if not found:
        return [title, Help(text("training.compare.none_differ"))]
    lines: list[ft.Control] = [
        ft.ResponsiveRow(
            [
                ft.Container(
                    ft.Text(label, theme_style=ft.TextThemeStyle.BODY_SMALL), col={"xs": 12, "sm": 4}
                ),
                ft.Container(
                    ft.Text(f"1. {one}", theme_style=ft.TextThemeStyle.BODY_SMALL),
                    col={"xs": 6, "sm": 4},
                ),
                ft.Container(
                    ft.Text(f"2. {other}", theme_style=ft.TextThemeStyle.BODY_SMALL),
                    col={"xs": 6, "sm": 4},
                ),
            ],
            run_spacing=0,
        )
        for label, one, other in found
    ]
    return [title, Identified("compare-differences", ft.Column(lines, spacing=GAP / 2, tight=True))]


def _elsewhere(left: Run, right: Run) -> list[tuple[str, str, str]]:
    """What differs and is in no config: the rows they saw, and where they ran."""
    pairs = (("rows", wording.data), ("place", wording.place))
    said = ((text_in("training.compare.differ", what), say(left), say(right)) for what, say in pairs)
    return [(label, one, other) for label, one, other in said if one != other]


def _axis(fc: Any, low: float, high: float, *, size: float, is_whole: bool = False) -> Any:
    step = max(tick(high - low), 1.0) if is_whole else tick(high - low)
    values = [round(n * step, 10) for n in range(math.ceil(low / step), math.floor(high / step) + 1)]
    labels = [
        fc.ChartAxisLabel(value=v, label=ft.Text(f"{v:g}", theme_style=ft.TextThemeStyle.BODY_SMALL))
        for v in values
    ]
    return fc.ChartAxis(labels=labels, label_size=size)
