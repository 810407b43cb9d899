"""All runs, newest first: find one, look at it again, compare, clone, name or delete it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, cast

import flet as ft

from app.domain.lineage import describe
from app.domain.runs import Run, RunId, RunStatus
from app.domain.setups import Setup
from app.services.everything import Services
from app.services.history import SPARK_POINTS, in_order, matches
from app.ui.kit.identified import Identified
from app.ui.kit.section import Section
from app.ui.texts import text, text_in
from app.ui.theme import GAP, NARROW_BELOW
from app.ui.training.beginner.cloned import Opened
from app.ui.training.fields import Choice, Help, TextInput
from app.ui.training.history.card import CardHandlers, RunCard
from app.ui.training.history.compare import CompareRuns
from app.ui.training.history.import_run import ImportRun
from app.ui.training.history.wishes import use_wishes
from app.ui.training.mounting import memoised
from app.ui.training.selection import RunSelection
from app.ui.training.watching import use_answer

_PAGE: Final = 20
_BUTTONS_BELOW: Final = 480
"""Narrower than this, the buttons of a card go under its words."""
_FILTER_FROM: Final = 5
"""Runs from which on searching is offered."""


@ft.component
def RunHistory(
    services: Services,
    runs: Sequence[Run],
    selection: RunSelection,
    on_clone: Callable[[RunId, Setup], Opened],
    on_changed: Callable[[], None],
) -> ft.Control:
    """A card a run; the shown one is marked. `on_clone` puts the setup of a run into the form."""
    words, set_words = ft.use_state("")
    status, set_status = ft.use_state("")
    count, set_count = ft.use_state(_PAGE)
    is_narrow, set_narrow = ft.use_state((ft.context.page.width or NARROW_BELOW) < NARROW_BELOW)
    sparks, set_sparks = ft.use_state(cast(Mapping[RunId, tuple[float, ...]], {}))
    no_return, set_no_return = ft.use_state(cast(Mapping[RunId, str], {}))

    wishes = use_wishes(services, runs, on_clone, on_changed)
    found = [run for run in runs if matches(run, words, status)]
    shown = found[:count]
    use_answer(lambda: services.history.sparklines(shown), set_sparks, on=tuple(map(_progress, shown)))
    states = tuple((run.id, run.status, run.checkpoint) for run in shown)
    use_answer(lambda: {r.id: services.queue.add_back_blocked(r) for r in shown}, set_no_return, on=states)

    handlers = CardHandlers(selection.choose, selection.toggle_compared, wishes.wish)
    cards = [
        RunCard(
            run,
            sparks.get(run.id, ()),
            describe(run, runs),
            handlers,
            is_shown=run.id == selection.run_id,
            is_compared=run.id in selection.compared,
            is_narrow=is_narrow,
            no_return=no_return.get(run.id, ""),
        )
        for run in shown
    ]
    body: list[ft.Control] = []
    if len(runs) >= _FILTER_FROM:
        body.append(_filter(words, set_words, status, set_status))
    body += wishes.shown
    body.append(ft.Column(cards, spacing=GAP / 2, tight=True))
    if not shown:
        body.append(Help(text("training.history.none_like_that")))
    if len(found) > count:
        more = ft.TextButton(
            text("training.history.show_more", count=len(found) - count),
            on_click=lambda: set_count(count + _PAGE),
        )
        body.append(Identified("history-more", more))
    trailing = ft.Row(
        [
            memoised(ImportRun, "import-run", services.history, selection, on_changed),
            *([] if any(r.status is RunStatus.QUEUED for r in runs) else [_queue_button(selection)]),
        ],
        tight=True,
        spacing=0,
    )

    def measure(event: ft.LayoutSizeChangeEvent[ft.LayoutControl]) -> None:
        set_narrow(event.width < _BUTTONS_BELOW)

    if is_narrow:  # beside them the title would break
        body.insert(0, trailing)
    title = text("training.history.title")
    section = ft.Container(
        Section(title, body, trailing=None if is_narrow else trailing), on_size_change=measure
    )
    compared = in_order(runs, selection.compared)
    if len(compared) < 2:
        return section
    table = memoised(CompareRuns, "compare", services.history, tuple(compared), selection)
    return ft.Column(
        [table, section], spacing=GAP * 2, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH
    )


def _progress(run: Run) -> tuple[RunId, int]:
    """Changes when a point of its sparkline does."""
    return run.id, run.step * SPARK_POINTS // max(run.total_steps, run.step, 1)


def _queue_button(selection: RunSelection) -> ft.Control:
    def toggle() -> None:
        selection.is_queue_open = not selection.is_queue_open

    label = text("training.history.hide_queue") if selection.is_queue_open else text("training.history.queue")
    tip = text("training.history.queue_help")
    return Identified("open-queue", ft.TextButton(label, icon=ft.Icons.QUEUE, tooltip=tip, on_click=toggle))


def _filter(
    words: str, set_words: Callable[[str], None], status: str, set_status: Callable[[str], None]
) -> ft.Control:
    search = TextInput(
        text("training.history.search"), words, set_words, hint=text("training.history.search_hint")
    )
    statuses = [
        ("", text("training.history.all")),
        *((s.value, text_in("training.statuses", s)) for s in RunStatus),
    ]
    by_status = Choice(
        "history-status",
        text("training.history.status"),
        status,
        statuses,
        set_status,
        hint=text("training.history.all"),
    )
    return ft.ResponsiveRow(
        [
            ft.Container(Identified("history-search", search), col={"xs": 12, "sm": 8}),
            ft.Container(by_status, col={"xs": 12, "sm": 4}),
        ],
        spacing=GAP,
        run_spacing=GAP,
    )
