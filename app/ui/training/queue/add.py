"""Beside Start: put the run of the form into the queue, or one for each method."""

from collections.abc import Callable, Sequence
from typing import cast

import flet as ft

from app.domain.errors import StudioError
from app.domain.runs import Run
from app.services.everything import Services
from app.ui.actions import use_action
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.texts import text
from app.ui.theme import COMPACT, GAP
from app.ui.training.draft import TrainingDraft
from app.ui.training.mounting import Unwatched, drawn, keyed
from app.ui.training.queue.adding import AddRuns, Wanted, add_to_queue
from app.ui.training.reading import read


@ft.component
def AddToQueue(
    services: Services,
    draft: TrainingDraft,
    on_added: Callable[[Sequence[Run]], None],
    beside: ft.Control,
) -> ft.Control:
    """Drawn anew only when the form lacks something else. `beside` stands in the row of the buttons."""
    missing = read(draft).missing
    return drawn(
        "queue-buttons",
        missing,
        lambda: keyed(_Buttons, "buttons", services, Unwatched(draft), missing, on_added, beside),
    )


@ft.component
def _Buttons(
    services: Services,
    kept: Unwatched[TrainingDraft],
    missing: str,
    on_added: Callable[[Sequence[Run]], None],
    beside: ft.Control,
) -> ft.Control:
    draft = kept.value
    asked, set_asked = ft.use_state(cast(Wanted | None, None))

    def added(runs: Sequence[Run]) -> None:
        set_asked(None)
        on_added(runs)

    def asks_or_added(result: Wanted | Sequence[Run]) -> None:
        if isinstance(result, Wanted):
            set_asked(result)
        else:
            added(result)

    # As the form stands at the click.
    add = use_action(lambda: _added_or_asked(services, _wanted(draft)), on_done=asks_or_added)
    compare = use_action(lambda: _wanted(draft, is_compared=True), on_done=set_asked)
    queue_button = ft.TextButton(
        text("training.queue.adding") if add.is_busy else text("training.queue.add"),
        icon=ft.Icons.PLAYLIST_ADD,
        disabled=bool(missing),
        tooltip=missing or text("training.queue.add_help"),
        style=COMPACT,
        on_click=add.run,
    )
    compare_button = ft.TextButton(
        text("training.queue.compare"),
        icon=ft.Icons.COMPARE_ARROWS,
        disabled=bool(missing),
        tooltip=missing or text("training.queue.compare_help"),
        style=COMPACT,
        on_click=compare.run,
    )
    buttons = ft.Row(
        [
            ft.Container(Identified("add-to-queue", queue_button)),
            ft.Container(Identified("compare-methods", compare_button)),
            ft.Container(beside),
        ],
        spacing=0,
        run_spacing=0,
        wrap=True,
        vertical_alignment=ft.CrossAxisAlignment.CENTER,
    )
    shown: list[ft.Control] = [
        ErrorBanner(action.problem, on_dismiss=action.dismiss) for action in (add, compare) if action.problem
    ]
    shown.append(buttons)
    if asked is not None:
        shown.append(keyed(AddRuns, "add-runs", services, asked, lambda: set_asked(None), added))
    return ft.Column(shown, spacing=GAP / 2, tight=True)


def _added_or_asked(services: Services, wanted: Wanted) -> Wanted | Sequence[Run]:
    """What is rented is asked about first."""
    return wanted if wanted.is_rented else add_to_queue(services, wanted)


def _wanted(draft: TrainingDraft, *, is_compared: bool = False) -> Wanted:
    if missing := draft.missing():
        raise StudioError(
            text("training.queue.incomplete", missing=missing.rstrip(".…")),
            text("training.queue.incomplete_hint"),
        )
    try:
        setup = draft.to_setup()
    except ValueError as error:
        raise StudioError(
            text("training.queue.contradictory"), text("training.queue.contradictory_hint")
        ) from error
    return Wanted(setup, draft.row_count or 0, draft.cloned_from, is_compared)
