"""How long the rows are, and a line to drag: what a longest length would cost and leave out, at once."""

from collections.abc import Callable, Mapping
from typing import Final, cast

import flet as ft

from app.domain.previews import Length, Survey
from app.services.previews import PreviewService
from app.ui.actions import Problem
from app.ui.data.model_view.scale import Scale, bars, scale_of
from app.ui.kit.entered import text_of, whole
from app.ui.kit.icon_action import IconAction
from app.ui.kit.identified import Identified
from app.ui.kit.text_field import TextField
from app.ui.texts import text, text_in
from app.ui.theme import GAP
from app.ui.training.watching import use_answer
from app.ui.training.wording import duration
from trainer_image.config import RunConfig
from trainer_image.look_protocol import Estimated

_HEIGHT: Final = 150
_LABEL: Final = 62
_STEPS: Final = 100
"""Of the axis, for the keyboard."""
_LONGEST: Final = 1_048_576
"""Of the run's config."""
_GB: Final = 1e9


@ft.component
def LengthView(
    previews: PreviewService, survey: Survey, config: RunConfig, on_use: Callable[[int], None] | None
) -> ft.Control:
    """`on_use` puts a length into the run; None where there is no run to put it into."""
    line, set_line = ft.use_state(config.max_seq_len)
    speed, set_speed = ft.use_state(cast(float | None, None))
    memory, set_memory = ft.use_state(cast(Estimated | None, None))
    problem, set_problem = ft.use_state(cast(Problem | None, None))
    ft.use_effect(lambda: set_line(config.max_seq_len), dependencies=[config.max_seq_len])
    shape = config.model_copy(update={"max_seq_len": 1}).model_dump_json()
    use_answer(lambda: previews.speed(config), set_speed, on=(config.base_model, config.method.kind))

    def remember(found: Estimated) -> None:
        set_problem(None)
        set_memory(found)

    percentiles = previews.percentiles(survey)
    longest = min(line, percentiles.get("max", line))
    use_answer(
        lambda: previews.memory(config, max_seq_len=longest),
        remember,
        on=(shape, longest),
        delay_seconds=0.3,
        on_problem=set_problem,
    )
    if not percentiles:
        return ft.Text(text("data.lengths.none"))
    counts = survey.table.lengths()
    scale = scale_of(counts, percentiles["p50"], config.max_seq_len)
    found = previews.length(survey, config, max_seq_len=line, speed=speed)
    return ft.Column(
        [
            _percentiles(percentiles),
            Histogram(counts, scale, line, percentiles, set_line),
            _numbers(found, config, memory, problem),
            _uses(percentiles, line, config, on_use),
        ],
        spacing=GAP * 1.5,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _percentiles(found: Mapping[str, int]) -> ft.Control:
    said = ", ".join(text_in("data.lengths.percentiles", name, count=value) for name, value in found.items())
    line = ft.Text(text("data.lengths.in_a_row", percentiles=said))
    return Identified("percentiles", line, label=text("data.lengths.label"))


@ft.component
def Histogram(
    counts: Mapping[int, int],
    scale: Scale,
    line: int,
    percentiles: Mapping[str, int],
    on_line: Callable[[int], None],
) -> ft.Control:
    """The bars with the line on them: dragged with the pointer, or moved with the keyboard."""
    width, set_width = ft.use_state(600.0)
    entries, set_entries = ft.use_state(0)

    def measure(event: ft.LayoutSizeChangeEvent[ft.LayoutControl]) -> None:
        set_width(max(event.width, 1.0))

    def drag(event: ft.DragUpdateEvent[ft.GestureDetector]) -> None:
        on_line(scale.length(event.local_position.x / width))

    def tap(event: ft.TapEvent[ft.GestureDetector]) -> None:
        if event.local_position is not None:
            on_line(scale.length(event.local_position.x / width))

    marks = [
        control
        for name, value in percentiles.items()
        if name != "max"
        for control in _mark(name, scale.place(value) * width)
    ]
    place = scale.place(line)
    canvas = ft.Stack(
        [_bars(counts, scale, place), *marks, *_line(line, place * width, width)],
        height=_HEIGHT + 20,
    )
    area = ft.GestureDetector(
        ft.Container(canvas, on_size_change=measure),
        mouse_cursor=ft.MouseCursor.RESIZE_LEFT_RIGHT,
        drag_interval=30,
        on_horizontal_drag_update=drag,
        on_tap_down=tap,
    )
    axis = ft.Row(
        [
            _small(f"{scale.length(0):,}" if scale.is_log else "0"),
            _small(text("data.lengths.axis_log") if scale.is_log else text("data.lengths.axis")),
            _small(f"{scale.high:,}"),
        ],
        alignment=ft.MainAxisAlignment.SPACE_BETWEEN,
    )
    rows = sum(counts.values())
    longer = sum(n for length, n in counts.items() if length > line)
    label = text("data.lengths.histogram", count=rows, longer=longer, line=line)
    return ft.Column(
        [
            Identified("histogram", area, label=label),
            axis,
            _by_keyboard(scale, line, on_line, lambda: set_entries(entries + 1)),
        ],
        spacing=2,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _by_keyboard(
    scale: Scale, line: int, on_line: Callable[[int], None], draw: Callable[[], None]
) -> ft.Control:
    """The line without a pointer: typed, or a hundredth of the axis at a time. `draw` puts the line's number
    back into the field where another was refused.

    Not by `ft.Slider`: Flet 1.0.5 lays a node over the whole window for it, and who uses the app through its
    semantics can click nothing else any more.
    """

    def step(by: int) -> None:
        moved = scale.length(scale.place(line) + by / _STEPS)
        on_line(moved if moved != line else max(line + by, 1))

    def typed(event: ft.Event[ft.TextField]) -> None:
        draw()
        said = whole(text_of(event).strip())
        if said is not None and 0 < said <= _LONGEST:
            on_line(said)

    field = TextField(
        value=str(line),
        label=text("data.lengths.longest"),
        width=130,
        dense=True,
        on_submit=typed,
        on_blur=typed,
    )
    return ft.Row(
        [
            IconAction(ft.Icons.REMOVE, text("data.lengths.shorter"), lambda: step(-1)),
            field,
            IconAction(ft.Icons.ADD, text("data.lengths.longer"), lambda: step(1)),
            ft.Container(_small(text("data.lengths.how")), expand=True),
        ],
        spacing=GAP / 2,
        vertical_alignment=ft.CrossAxisAlignment.CENTER,
    )


def _bars(counts: Mapping[int, int], scale: Scale, place: float) -> ft.Control:
    heights = bars(counts, scale)
    tallest = max(heights)
    drawn: list[ft.Control] = []
    for at, rows in enumerate(heights):
        is_beyond = at / len(heights) >= place
        height = 0 if not rows else max(_HEIGHT * rows / tallest, 2)
        drawn.append(
            ft.Container(
                height=height,
                expand=1,
                margin=ft.Margin.symmetric(horizontal=0.5),
                border_radius=2,
                bgcolor=None if is_beyond else ft.Colors.PRIMARY,
                border=ft.Border.all(1.5, ft.Colors.TERTIARY) if is_beyond and rows else None,
            )
        )
    row = ft.Row(drawn, spacing=0, vertical_alignment=ft.CrossAxisAlignment.END)
    return ft.Container(row, left=0, right=0, bottom=0, height=_HEIGHT, alignment=ft.Alignment.BOTTOM_CENTER)


def _mark(name: str, left: float) -> list[ft.Control]:
    """A thin line with its name, each name on a height of its own."""
    top = {"p50": 16, "p95": 16, "p99": 30}[name]
    text = ft.Text(name, size=10.5, color=ft.Colors.ON_SURFACE_VARIANT)
    return [
        ft.Container(_stroke(ft.Colors.OUTLINE, 1), left=left, top=top),
        ft.Container(text, left=left + 3, top=top),
    ]


def _line(line: int, left: float, width: float) -> list[ft.Control]:
    shown = ft.Container(
        ft.Text(f"{line:,}", size=12, color=ft.Colors.ON_TERTIARY, text_align=ft.TextAlign.CENTER),
        bgcolor=ft.Colors.TERTIARY,
        border_radius=4,
        width=_LABEL,
    )
    return [
        ft.Container(_stroke(ft.Colors.TERTIARY, 3), left=min(max(left - 1.5, 0), width - 3), top=0),
        ft.Container(shown, left=min(max(left - _LABEL / 2, 0), width - _LABEL), top=0),
    ]


def _stroke(color: str, width: float) -> ft.Control:
    return ft.Container(width=width, height=_HEIGHT + 20, bgcolor=color)


def _small(text: str) -> ft.Control:
    return ft.Text(text, theme_style=ft.TextThemeStyle.BODY_SMALL, color=ft.Colors.ON_SURFACE_VARIANT)


def _numbers(
    found: Length, config: RunConfig, memory: Estimated | None, problem: Problem | None
) -> ft.Control:
    total = max(sum(found.buckets.values()), 1)
    dropped = found.buckets.get("too_long", 0)
    left_out = text("data.lengths.rows_of_all", rows=_roughly(found, dropped), share=100 * dropped / total)
    steps = text(
        "data.lengths.steps_of_epoch", steps=_roughly(found, found.steps), epoch=found.steps_of_epoch
    )
    figures = [
        (text("data.lengths.too_long"), left_out),
        (text("data.lengths.cut"), _roughly(found, found.cut)),
        (text("data.lengths.padding"), _padding(found, is_packed=config.packing)),
        (text("data.lengths.steps"), steps),
        (text("data.lengths.epoch_time"), _time(found)),
        (text("data.lengths.memory"), _memory(memory, problem)),
    ]
    cells: list[ft.Control] = [
        ft.Container(_figure(name, value), col={"xs": 12, "sm": 6, "md": 4}) for name, value in figures
    ]
    body = ft.ResponsiveRow(cells, spacing=GAP * 1.5, run_spacing=GAP)
    return Identified(
        "length-numbers", body, live=True, label=text("data.lengths.at_most", count=found.max_seq_len)
    )


def _padding(found: Length, *, is_packed: bool) -> str:
    """What is lost to padding, and what packing saves of it."""
    share = 100 * found.saved_by_packing / max(found.tokens + found.saved_by_packing, 1)
    if is_packed:
        return text("data.lengths.padding_packed", share=share)
    lost = text("data.lengths.padding_share", share=share, tokens=_tokens(found))
    return text("data.lengths.packing_saves", lost=lost) if share >= 1 else lost


def _roughly(found: Length, count: int) -> str:
    return f"{count:,}" if found.is_exact else text("data.lengths.about", count=count)


def _tokens(found: Length) -> str:
    return text("data.lengths.tokens_of_epoch", count=found.tokens + found.padding)


def _time(found: Length) -> str:
    if found.epoch_seconds is None:
        return text("data.lengths.time_unknown")
    return text("data.lengths.time", duration=duration(found.epoch_seconds))


def _memory(memory: Estimated | None, problem: Problem | None) -> str:
    if problem is not None:
        return text("data.lengths.memory_unknown", problem=problem.message)
    if memory is None:
        return text("data.lengths.estimating")
    where = "cuda" if memory.device == "cuda" else "cpu"
    low, expected, high = (size / _GB for size in (memory.low, memory.expected, memory.high))
    return text_in("data.lengths.memory_on", where, expected=expected, low=low, high=high)


def _figure(label: str, value: str) -> ft.Control:
    name = ft.Text(label, theme_style=ft.TextThemeStyle.LABEL_MEDIUM, color=ft.Colors.ON_SURFACE_VARIANT)
    return ft.Column([name, ft.Text(value)], spacing=0, tight=True)


def _uses(
    percentiles: Mapping[str, int], line: int, config: RunConfig, on_use: Callable[[int], None] | None
) -> ft.Control:
    if on_use is None:
        return _small(text("data.lengths.only_training"))
    choices = [
        (text("data.lengths.use_p95", count=percentiles["p95"]), percentiles["p95"]),
        (text("data.lengths.use_p99", count=percentiles["p99"]), percentiles["p99"]),
        (text("data.lengths.use_line", count=line), line),
    ]
    buttons: list[ft.Control] = [
        ft.Container(
            ft.OutlinedButton(said, disabled=length == config.max_seq_len, on_click=_use(on_use, length))
        )
        for said, length in choices
    ]
    return ft.Row(
        [*buttons, ft.Container(_small(text("data.lengths.now", count=config.max_seq_len)))],
        wrap=True,
        spacing=GAP,
        run_spacing=GAP,
        vertical_alignment=ft.CrossAxisAlignment.CENTER,
    )


def _use(on_use: Callable[[int], None], length: int) -> Callable[[], None]:
    return lambda: on_use(length)
