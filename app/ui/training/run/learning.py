"""How it learns: the charts, how they are looked at, and what the coach says about them."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import flet as ft

from app.domain.file_names import file_name
from app.domain.runs import Run
from app.paths import Paths
from app.services.curve_files import curve_csv
from app.ui.actions import problem_of
from app.ui.kit.identified import Identified
from app.ui.kit.selectable import Selectable
from app.ui.texts import text, text_in
from app.ui.theme import GAP
from app.ui.training.fields import Help, Segments, Toggle, Wrap
from app.ui.training.mounting import keyed, memoised
from app.ui.training.run.chart import Chart
from app.ui.training.run.coach_view import AdviceCard
from app.ui.training.run.hands import Hands
from app.ui.training.run.plots import SPANS, WINDOWS, ChartSettings, CurveData, kinds_of, plot_of
from app.ui.training.run.png import png_of
from app.ui.training.run.svg import svg_of
from app.ui.training.saving import offer_bytes


@ft.component
def Learning(run: Run, data: CurveData, hands: Hands) -> ft.Control:
    """Memoise it; `run` without what ticks. The settings are of this view alone: nothing reaches the run."""
    settings, change = ft.use_state(ChartSettings())
    is_open, open_settings = ft.use_state(False)
    kinds = kinds_of(data.metrics)
    if settings.kind not in dict(kinds):
        settings = replace(settings, kind="loss")

    def show(kind: str) -> None:
        change(replace(settings, kind=kind))  # type: ignore[arg-type]

    body: list[ft.Control] = [
        keyed(AdviceCard, f"advice-{run.id}-{advice.rule}", run, advice, hands, show)
        for advice in data.advice
    ]
    if len(kinds) > 1:
        opener = ft.TextButton(
            text("training.chart.hide_settings") if is_open else text("training.chart.settings"),
            icon=ft.Icons.TUNE,
            on_click=lambda: open_settings(not is_open),
        )
        body.append(
            Wrap([Segments("chart-kind", text("training.chart.chart"), settings.kind, kinds, show), opener])
        )
    if is_open:
        body.append(_settings(settings, change))
        body.append(keyed(SaveCurve, f"save-curve-{run.id}", run, data, settings))
    body.append(memoised(Chart, f"chart-{run.id}", plot_of(data, settings), is_live=not run.status.is_final))
    return ft.Column(body, spacing=GAP, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


def _settings(settings: ChartSettings, change: Callable[[ChartSettings], None]) -> ft.Control:
    spans = [(str(span), text("training.chart.off") if span == 1 else str(span)) for span in SPANS]
    windows = [
        (str(window), text("training.chart.last", count=window) if window else text("training.chart.all"))
        for window in WINDOWS
    ]
    return Identified(
        "chart-settings",
        ft.Column(
            [
                Wrap(
                    [
                        Segments(
                            "chart-span", text("training.chart.span"), str(settings.span), spans,
                            lambda value: change(replace(settings, span=int(value))),
                        ),
                        Segments(
                            "chart-window", text("training.chart.window"), str(settings.window), windows,
                            lambda value: change(replace(settings, window=int(value))),
                        ),
                    ]
                ),
                Wrap(
                    [
                        Toggle(
                            text("training.chart.logarithmic"), settings.is_log,
                            lambda on: change(replace(settings, is_log=on)),
                        ),
                        Toggle(
                            text("training.chart.clip"), settings.clips,
                            lambda on: change(replace(settings, clips=on)),
                        ),
                    ]
                ),
                Help(text("training.chart.picture_only")),
            ],
            spacing=GAP,
            tight=True,
        ),
        label=text("training.chart.settings"),
    )  # fmt: skip


@ft.component
def SaveCurve(run: Run, data: CurveData, settings: ChartSettings) -> ft.Control:
    """The numbers as CSV, or the chart as it is shown as SVG or PNG."""
    said, say = ft.use_state("")

    async def save(kind: str) -> None:
        try:
            say(
                await offer_bytes(
                    _content(kind, run, data, settings),
                    f"{file_name(run.name)}-curve.{kind}",
                    Paths.from_environment().exports,
                )
            )
        except Exception as error:
            problem = problem_of(error)
            say(f"{problem.message} {problem.hint}")

    buttons = [
        ft.TextButton(
            text_in("training.chart.save", kind), icon=ft.Icons.DOWNLOAD, on_click=partial(save, kind)
        )
        for kind in ("csv", "svg", "png")
    ]
    lines: list[ft.Control] = [Wrap(buttons)]
    if said:
        lines.append(Selectable(Identified("curve-saved", Help(said), live=True)))
    return ft.Column(lines, spacing=0, tight=True)


def _content(kind: str, run: Run, data: CurveData, settings: ChartSettings) -> bytes:
    if kind == "csv":
        return curve_csv(data.metrics, data.measurements, span=settings.span).encode()
    plot = plot_of(data, settings)
    if plot is None:
        return b""
    if kind == "png":
        return png_of(plot, run.name, Paths.from_environment().assets)
    return svg_of(plot, run.name).encode()
