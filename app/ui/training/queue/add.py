"""Beside Start: put the run of the form into the queue, or one for each method."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import flet as ft

from app.domain.errors import StudioError
from app.domain.fan_out import fan_out
from app.domain.presets import Method
from app.domain.runs import Run, Target
from app.domain.setups import Setup
from app.services.everything import Services
from app.ui.actions import Action, use_action
from app.ui.kit.confirm_dialog import ConfirmDialog
from app.ui.kit.entered import is_on
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.texts import text
from app.ui.theme import COMPACT, GAP
from app.ui.training.draft import TrainingDraft
from app.ui.training.mounting import Unwatched, drawn, keyed
from app.ui.training.reading import read
from app.ui.training.wording import method_label

_METHODS: Final[tuple[Method, ...]] = ("lora", "osft", "sft")


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
    is_asking, set_asking = ft.use_state(False)
    chosen, set_chosen = ft.use_state(_METHODS)

    def done(runs: Sequence[Run]) -> None:
        set_asking(False)
        on_added(runs)

    # As the form stands at the click.
    add = use_action(lambda: _add(services, draft, None), on_done=done)
    compare = use_action(lambda: _add(services, draft, chosen), on_done=done)
    ft.use_dialog(_dialog(chosen, set_chosen, compare, lambda: set_asking(False)) if is_asking else None)
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
        on_click=lambda: set_asking(True),
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
    banner = [ErrorBanner(add.problem, on_dismiss=add.dismiss)] if add.problem else []
    return ft.Column([*banner, buttons], spacing=GAP / 2, tight=True)


def _dialog(
    chosen: tuple[Method, ...],
    set_chosen: Callable[[tuple[Method, ...]], None],
    compare: Action,
    on_cancel: Callable[[], None],
) -> ft.AlertDialog:
    def box(method: Method) -> ft.Control:
        def change(event: ft.Event[ft.Checkbox]) -> None:
            rest = {*chosen, method} if is_on(event) else {*chosen} - {method}
            set_chosen(tuple(m for m in _METHODS if m in rest))

        return ft.Checkbox(label=method_label(method), value=method in chosen, on_change=change)

    return ConfirmDialog(
        text("training.queue.compare_title"),
        text("training.queue.compare_text"),
        confirm=text("training.queue.adding")
        if compare.is_busy
        else text("training.queue.compare_confirm", count=len(chosen)),
        on_confirm=compare.run,
        on_cancel=on_cancel,
        is_busy=compare.is_busy or len(chosen) < 2,
        problem=compare.problem,
        is_dangerous=False,
        extra=ft.Column([box(method) for method in _METHODS], spacing=0, tight=True),
    )


def _add(services: Services, draft: TrainingDraft, methods: Sequence[Method] | None) -> list[Run]:
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
    services.settings.remember_setup(setup)
    setups = [setup] if methods is None else fan_out(setup, methods, rows=draft.row_count or 0)
    return [_add_one(services, draft, one, is_alone=methods is None) for one in setups]


def _add_one(services: Services, draft: TrainingDraft, setup: Setup, *, is_alone: bool) -> Run:
    request = services.training.request_of(setup, Path.home())
    if request.target is Target.RUNPOD:
        plan = services.renting.plan(request, steps=None)
        request = replace(request, pod=plan.agreed(request.pod))
    expected = services.previews.expected(request) if is_alone else None
    return services.queue.add(replace(request, expected=expected, cloned_from=draft.cloned_from))
