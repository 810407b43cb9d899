"""The queue: what waits, in which order, and when it may start. Shown while it is in use, or opened."""

from collections.abc import Callable
from functools import partial
from typing import Final

import flet as ft

from app.domain.errors import StudioError
from app.domain.money import money, typed_money
from app.domain.queue import QueueRules
from app.domain.runs import Run
from app.services.queueing import QueueService, Standing
from app.ui.actions import use_action
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.icon_action import IconAction
from app.ui.kit.identified import Identified
from app.ui.kit.section import Section
from app.ui.kit.text_field import TextField
from app.ui.kit.typed import use_typed
from app.ui.texts import text
from app.ui.theme import GAP
from app.ui.training import wording
from app.ui.training.fields import Choice, Help, Toggle
from app.ui.training.mounting import memoised

_HOURS: Final = [(str(hour), f"{hour}:00") for hour in range(24)]


class _Wish:
    """What to do at the click, which is later than the drawing of the button."""

    def __init__(self) -> None:
        self.work: Callable[[], object] = _nothing


@ft.component
def QueuePanel(queue: QueueService, standing: Standing, on_changed: Callable[[], None]) -> ft.Control:
    """Memoise it: `standing` stays equal while nothing changes."""
    page = ft.context.page
    wish = ft.use_memo(_Wish, dependencies=[])

    def done(_: object) -> None:
        on_changed()

    # As it is wished at the click, not as it was when this was drawn.
    act = use_action(lambda: wish.work(), on_done=done)  # noqa: PLW0108

    def do(work: Callable[[], object]) -> None:
        wish.work = work
        page.run_task(act.run)

    body: list[ft.Control] = [ErrorBanner(act.problem, on_dismiss=act.dismiss)] if act.problem else []
    body += [_row(queue, run, place, len(standing.runs), do) for place, run in enumerate(standing.runs, 1)]
    if not standing.runs:
        body.append(Help(text("training.queue.empty")))
    reason = standing.reason if standing.runs else ""
    body.append(Identified("queue-reason", Help(reason), live=True))
    body.append(_rules(queue, standing.rules, do, has_gpu=standing.has_gpu))
    limit = standing.rules.most_dollars
    body.append(memoised(MoneyLimit, f"limit-{limit}", queue, limit, on_changed))
    if limit is not None:
        body.append(_so_far(limit, standing.spent))
    pause = _pause_button(standing.rules, lambda: do(lambda: queue.pause(not standing.rules.is_paused)))
    return Identified(
        "queue",
        Section(text("training.queue.title"), body, subtitle=text("training.queue.about"), trailing=pause),
    )


def _row(
    queue: QueueService, run: Run, place: int, count: int, do: Callable[[Callable[[], object]], None]
) -> ft.Control:
    facts = f"{run.target.label} · {wording.method(run)} · {wording.data(run)}"
    texts = ft.Column(
        [
            ft.Text(run.name, max_lines=1, overflow=ft.TextOverflow.ELLIPSIS),
            ft.Text(
                facts,
                theme_style=ft.TextThemeStyle.BODY_SMALL,
                max_lines=1,
                overflow=ft.TextOverflow.ELLIPSIS,
            ),
        ],
        spacing=0,
        tight=True,
        expand=True,
    )
    if run.message:
        texts.controls.append(
            _warning(text("training.queue.will_not_start", message=run.message, hint=run.hint).rstrip())
        )
    buttons = [
        IconAction(
            ft.Icons.ARROW_UPWARD,
            text("training.queue.move_up", name=run.name),
            partial(do, partial(queue.move, run.id, -1)),
            disabled=place == 1,
        ),
        IconAction(
            ft.Icons.ARROW_DOWNWARD,
            text("training.queue.move_down", name=run.name),
            partial(do, partial(queue.move, run.id, 1)),
            disabled=place == count,
        ),
        IconAction(
            ft.Icons.CLOSE,
            text("training.queue.take_out", name=run.name),
            partial(do, partial(queue.cancel, run.id)),
        ),
    ]
    number = ft.Text(f"{place}.", width=24, text_align=ft.TextAlign.RIGHT)
    row = ft.Row([number, texts, *buttons], spacing=GAP, key=f"queued-{run.id}")
    return Identified(f"queued-{run.id}", row)


def _warning(said: str) -> ft.Control:
    icon = ft.Icon(
        ft.Icons.ERROR_OUTLINE, color=ft.Colors.ERROR, size=16, semantics_label=text("training.queue.error")
    )
    words = ft.Text(said, theme_style=ft.TextThemeStyle.BODY_SMALL, color=ft.Colors.ERROR, expand=True)
    return ft.Row([icon, words], spacing=4, vertical_alignment=ft.CrossAxisAlignment.START)


def _pause_button(rules: QueueRules, on_click: Callable[[], None]) -> ft.Control:
    label, icon = (
        (text("training.queue.go_on"), ft.Icons.PLAY_ARROW)
        if rules.is_paused
        else (text("training.queue.pause"), ft.Icons.PAUSE)
    )
    tip = text("training.queue.go_on_help") if rules.is_paused else text("training.queue.pause_help")
    button = ft.OutlinedButton(label, icon=icon, tooltip=tip, on_click=on_click)
    return Identified("queue-pause", button)


def _rules(
    queue: QueueService,
    rules: QueueRules,
    do: Callable[[Callable[[], object]], None],
    *,
    has_gpu: bool,
) -> ft.Control:
    def change(**values: bool | int) -> None:
        do(lambda: queue.change_rules(**values))

    idle = text("training.queue.idle_help") if has_gpu else text("training.queue.no_gpu")
    controls: list[ft.Control] = [
        Toggle(
            text("training.queue.only_idle"),
            rules.only_idle,
            lambda on: change(only_idle=on),
            help_text=idle,
            identifier="queue-idle",
        ),
        Toggle(
            text("training.queue.only_at_night"),
            rules.only_at_night,
            lambda on: change(only_at_night=on),
            help_text=text("training.queue.night_help"),
            identifier="queue-night",
        ),
    ]
    if rules.only_at_night:
        first = Choice(
            "night-from",
            text("training.queue.night_from"),
            str(rules.night_from),
            _HOURS,
            lambda hour: change(night_from=int(hour)),
        )
        last = Choice(
            "night-to",
            text("training.queue.night_until"),
            str(rules.night_to),
            _HOURS,
            lambda hour: change(night_to=int(hour)),
        )
        controls.append(ft.Row([ft.Container(first, width=150), ft.Container(last, width=150)], spacing=GAP))
    return ft.Column(controls, spacing=GAP, tight=True)


@ft.component
def MoneyLimit(queue: QueueService, limit: float | None, on_changed: Callable[[], None]) -> ft.Control:
    """What all rented runs may cost together; kept at the button only, not while it is typed.

    Memoise it: what they cost grows every second, and a field that is drawn anew loses what is being typed.
    """
    kept = "" if limit is None else typed_money(limit)
    typed = use_typed(kept)
    keep = use_action(lambda: queue.limit_money(_dollars(typed.now())), on_done=lambda _: on_changed())
    is_same = typed.shown.strip() == kept
    field = TextField(
        label=text("training.queue.limit.field"),
        value=typed.shown,
        helper=text("training.queue.limit.help"),
        helper_max_lines=3,
        on_change=typed.edit,
        on_submit=keep.run,
        expand=True,
    )
    button = ft.OutlinedButton(
        text("training.queue.limit.set")
        if typed.shown.strip() or limit is None
        else text("training.queue.limit.lift"),
        disabled=keep.is_busy or is_same,
        on_click=keep.run,
    )
    row = ft.Row([field, button], spacing=GAP, vertical_alignment=ft.CrossAxisAlignment.START)
    banner = [ErrorBanner(keep.problem, on_dismiss=keep.dismiss)] if keep.problem else []
    return Identified("queue-limit", ft.Column([row, *banner], spacing=GAP / 2, tight=True))


def _so_far(limit: float, spent: float) -> ft.Control:
    said = text("training.queue.limit.so_far", spent=money(spent), limit=money(limit))
    return Identified("queue-spent", Help(said), live=True)


def _dollars(typed: str) -> float | None:
    """Raises StudioError."""
    try:
        value = float(typed.replace(",", ".").removeprefix("$")) if typed else None
    except ValueError:
        value = -1.0
    if value is not None and not 0 < value < float("inf"):
        raise StudioError(text("training.queue.limit.no_amount"), text("training.queue.limit.no_amount_hint"))
    return value


def _nothing() -> object:
    return None
