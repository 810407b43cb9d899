"""What a chart shows, worked out before anything is drawn: lines, shaded ranges, axes and their description.

Values are in the units of the axis: on a logarithmic one they are powers of ten.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeGuard

from app.domain.coach import Advice, ChartKind
from app.domain.expected_loss import band_at
from app.domain.runs import Measurement, Metric
from app.services.loss_files import smoothed
from app.ui.texts import text, text_in
from app.ui.training.curves import Point, bounds, decimate, tick
from trainer_image.config import RunConfig

POINTS_SHOWN: Final = 150
"""A line. Flet's chart takes seconds from a few thousand points on."""
SPANS: Final = (1, 10, 30, 100)
WINDOWS: Final = (0, 50, 200, 1000)
"""Newest steps shown; 0 for all."""
_OUTLIERS: Final = 0.01
_LOOKED_AT: Final = 100
"""Steps, to tell which charts there are; looking at all takes long on a long run."""

Role = Literal["raw", "smooth", "measured", "second"]


@dataclass(frozen=True)
class ChartSettings:
    """How a person wants to look at a curve. Never touches the run."""

    kind: ChartKind = "loss"
    span: int = 30
    """Of the moving average, alpha = 2 / (span + 1); 1 for none."""
    is_log: bool = False
    window: int = 0
    clips: bool = False


@dataclass(frozen=True)
class CurveData:
    """What a run's charts are made of."""

    config: RunConfig
    metrics: tuple[Metric, ...]
    measurements: tuple[Measurement, ...]
    advice: tuple[Advice, ...] = ()


@dataclass(frozen=True)
class PlotLine:
    name: str
    role: Role
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Shade:
    """A range of steps, from `low` to `high` of the axis."""

    name: str
    role: Literal["guide", "advice"]
    first: float
    last: float
    low: float
    high: float


@dataclass(frozen=True)
class Plot:
    lines: tuple[PlotLine, ...]
    shades: tuple[Shade, ...]
    first: float
    last: float
    low: float
    high: float
    marks: tuple[tuple[float, str], ...]
    """Where the vertical axis has labels, and which."""
    description: str
    note: str = ""


@dataclass(frozen=True)
class _Kind:
    values: tuple[tuple[str, Callable[[Metric], float | None]], ...]
    is_smoothed: bool = True
    digits: int = 3


_KINDS: Final[dict[ChartKind, _Kind]] = {
    "loss": _Kind((("loss", lambda m: m.loss),)),
    "rate": _Kind((("rate", lambda m: m.learning_rate),), is_smoothed=False),
    "gradient": _Kind((("gradient", lambda m: m.grad_norm),)),
    "speed": _Kind((("speed", lambda m: m.tokens_per_second),)),
    "gpu": _Kind(
        (("busy", lambda m: m.gpu_utilisation), ("temperature", lambda m: m.gpu_temperature)),
        is_smoothed=False,
    ),
    "memory": _Kind((("memory", lambda m: m.gpu_memory_gb),), is_smoothed=False),
}


def kinds_of(metrics: Sequence[Metric]) -> list[tuple[str, str]]:
    """Charts there is something to draw for, with their titles.

    Told by the newest steps and some of all before: a value that cannot be read once hides no chart.
    """
    some = (*metrics[-_LOOKED_AT:], *metrics[:: len(metrics) // _LOOKED_AT + 1])
    return [
        (kind, text_in("training.chart.kinds", kind))
        for kind, it in _KINDS.items()
        if kind == "loss" or any(_is_told(value(metric)) for metric in some for _, value in it.values)
    ]


def plot_of(data: CurveData, settings: ChartSettings) -> Plot | None:
    """None while there is nothing to draw."""
    kind = _KINDS[settings.kind]
    shown = _window(data.metrics, settings.window)
    told = [(name, value, line) for name, value in kind.values if (line := _points(shown, value))]
    if not told:
        return None
    first, last = min(line[0][0] for *_, line in told), max(line[-1][0] for *_, line in told)
    measured = _measured(data, settings, 0 if first <= 1 else first, last)  # 0: before training
    first = min([first, *(x for x, _ in measured[:1])])
    drawn = [
        made
        for name, value, line in told
        for made in _drawn(name, line, _points(data.metrics, value), kind, settings)
    ]
    if measured:
        drawn.append(PlotLine(text("training.chart.validation"), "measured", tuple(measured)))
    values = [y for line in (*(line for *_, line in told), measured) for _, y in line]
    if not settings.clips:  # of the newest steps a smoothed line may lie beyond them all
        values += [y for line in drawn for _, y in line.points]
    axis = _Axis.around(values, settings)
    return Plot(
        lines=tuple(PlotLine(d.name, d.role, axis.place(d.points)) for d in drawn),
        shades=(*_guide(data, shown, settings, axis), *_advised(data.advice, first, last, axis)),
        first=first,
        last=max(last, first + 1),
        low=axis.low,
        high=axis.high,
        marks=axis.marks(),
        description=_description([(name, line) for name, _, line in told], measured),
        note=axis.note,
    )


def _window(metrics: tuple[Metric, ...], window: int) -> Sequence[Metric]:
    return metrics[-window:] if window else metrics


def _points(metrics: Sequence[Metric], value: Callable[[Metric], float | None]) -> list[Point]:
    told = ((float(m.step), value(m)) for m in metrics)
    return [(x, y) for x, y in told if _is_told(y)]


def _is_told(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def _measured(data: CurveData, settings: ChartSettings, first: float, last: float) -> list[Point]:
    if settings.kind != "loss":
        return []
    return [
        (float(m.step), m.loss)
        for m in data.measurements
        if first <= m.step <= last and math.isfinite(m.loss)
    ]


def _drawn(
    name: str, line: list[Point], whole: list[Point], kind: _Kind, settings: ChartSettings
) -> list[PlotLine]:
    """The line itself; where it is noisy, also one over it that is smoothed from the run's first step on."""
    said = text_in("training.chart.lines", name)
    if not kind.is_smoothed or settings.span <= 1:
        role: Role = "smooth" if name == kind.values[0][0] else "second"
        return [PlotLine(said, role, tuple(decimate(line, POINTS_SHOWN)))]
    means = smoothed([y for _, y in whole], span=settings.span)[-len(line) :]
    calm = list(zip([x for x, _ in line], means, strict=True))
    return [
        PlotLine(text("training.chart.each_step"), "raw", tuple(decimate(line, POINTS_SHOWN))),
        PlotLine(text("training.chart.smoothed", name=said), "smooth", tuple(decimate(calm, POINTS_SHOWN))),
    ]


@dataclass(frozen=True)
class _Axis:
    low: float
    high: float
    is_log: bool
    note: str = ""

    @classmethod
    def around(cls, values: Sequence[float], settings: ChartSettings) -> "_Axis":
        is_log = settings.is_log and any(y > 0 for y in values)
        placed = [math.log10(y) for y in values if y > 0] if is_log else list(values)
        kept, note = _without_outliers(placed) if settings.clips else (placed, "")
        low, high = bounds(kept)
        return cls(low, high, is_log, note)

    def at(self, value: float) -> float:
        """Where a value stands; outside of the axis at its edge."""
        placed = (math.log10(value) if value > 0 else self.low) if self.is_log else value
        return min(max(placed, self.low), self.high)

    def place(self, points: Sequence[Point]) -> tuple[Point, ...]:
        return tuple((x, self.at(y)) for x, y in points)

    def marks(self) -> tuple[tuple[float, str], ...]:
        step = tick(self.high - self.low)
        count = range(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1)
        placed = [round(n * step, 10) for n in count]
        return tuple((y, f"{10**y:.3g}" if self.is_log else f"{y:g}") for y in placed)


def _without_outliers(values: list[float]) -> tuple[list[float], str]:
    """Without the highest and the lowest hundredth; few values have no outliers."""
    if len(values) < 20:
        return values, ""
    ordered = sorted(values)
    cut = max(math.ceil(len(ordered) * _OUTLIERS), 1)
    low, high = ordered[cut], ordered[-cut - 1]
    beyond = sum(not low <= value <= high for value in values)
    return [v for v in values if low <= v <= high], text("training.chart.beyond", count=beyond)


def _guide(data: CurveData, shown: Sequence[Metric], settings: ChartSettings, axis: _Axis) -> list[Shade]:
    """The loss the guide expects, an epoch at a time, where its numbers hold."""
    if settings.kind != "loss":
        return []
    spans: dict[int, tuple[int, int]] = {}
    for metric in shown:
        if not math.isfinite(metric.epoch):  # another trainer's log, which does not tell it
            continue
        epoch = int(metric.epoch)
        spans[epoch] = (spans.get(epoch, (metric.step, 0))[0], metric.step)
    shades = []
    for epoch, (first, last) in spans.items():
        band = band_at(data.config, epoch)
        if band and axis.at(band[0]) < axis.at(band[1]):
            shades.append(
                Shade(
                    text("training.chart.guide"), "guide", first, last + 1, axis.at(band[0]), axis.at(band[1])
                )
            )
    return shades


def _advised(advice: Sequence[Advice], first: float, last: float, axis: _Axis) -> list[Shade]:
    return [
        Shade(a.title, "advice", max(a.first, first), min(a.last, last), axis.low, axis.high)
        for a in advice
        if a.first < last and a.last > first
    ]


def _description(lines: Sequence[tuple[str, list[Point]]], measured: list[Point]) -> str:
    """For those who do not see the chart."""
    parts = []
    for name, line in lines:
        (x0, y0), (x1, y1) = line[0], line[-1]
        is_loss = name == "loss"
        what = text("training.chart.loss_curve") if is_loss else text_in("training.chart.lines", name)
        parts.append(
            text(
                "training.chart.described",
                name=what,
                first=_said(y0),
                first_step=x0,
                last=_said(y1),
                last_step=x1,
            )
        )
    if measured:
        parts.append(text("training.chart.described_validation", loss=measured[-1][1], step=measured[-1][0]))
    return "; ".join(parts)


def _said(value: float) -> str:
    return f"{value:.3f}" if 0.01 <= abs(value) < 1000 else f"{value:.3g}"
