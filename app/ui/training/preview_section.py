"""Preview data: what the chosen base model will see of the chosen rows, before the run starts."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, cast

import flet as ft

from app.domain.previews import Source
from app.domain.setups import Setup
from app.services.everything import Services
from app.ui.actions import Problem
from app.ui.data.model_view.view import ModelView
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.section import Section
from app.ui.texts import text
from app.ui.training.draft import TrainingDraft
from app.ui.training.mounting import Unwatched, drawn, keyed, memoised
from app.ui.training.reading import read
from app.ui.training.watching import use_answer
from trainer_image.config import RunConfig

_TYPING_SECONDS: Final = 0.3

_Seen = tuple[Source, RunConfig]


def PreviewSection(services: Services, draft: TrainingDraft) -> ft.Control:
    """Asks for nothing until it is opened; then it follows the form."""
    missing = read(draft).missing
    return drawn("preview", missing, lambda: keyed(_Preview, "foldable", services, Unwatched(draft), missing))


@ft.component
def _Preview(services: Services, kept: Unwatched[TrainingDraft], missing: str) -> ft.Control:
    is_open, set_open = ft.use_state(False)
    if is_open:
        return keyed(_Opened, "opened", services, kept.value, lambda: set_open(False))
    return Section(
        text("training.preview.title"),
        [ft.Row([_button(missing, lambda: set_open(True))])],
        subtitle=text("training.preview.subtitle"),
    )


@ft.component
def _Opened(services: Services, draft: TrainingDraft, on_hide: Callable[[], None]) -> ft.Control:
    seen, set_seen = ft.use_state(cast(_Seen | None, None))
    problem, set_problem = ft.use_state(cast(Problem | None, None))
    form = read(draft)

    def use_length(length: int) -> None:
        draft.type_number("max_seq_len", str(length))

    def note_look() -> None:
        draft.looks_at_rows += 1

    use = ft.use_memo(lambda: use_length, dependencies=[draft])
    note = ft.use_memo(lambda: note_look, dependencies=[draft])

    def take(found: _Seen | None) -> None:
        if found is not None:
            set_problem(None)
            set_seen(found)

    use_answer(
        lambda: _seen(services, form.setup),
        take,
        on=form.asked,
        delay_seconds=_TYPING_SECONDS,
        on_problem=set_problem,
    )
    body: list[ft.Control] = [ErrorBanner(problem)]
    if form.missing:
        body.append(
            ft.Text(
                text("training.preview.waits_for", missing=form.missing), color=ft.Colors.ON_SURFACE_VARIANT
            )
        )
    if seen is not None and problem is None:
        body.append(memoised(ModelView, "preview", services.previews, *seen, use, note))
    hide = ft.TextButton(text("training.preview.hide"), icon=ft.Icons.EXPAND_LESS, on_click=on_hide)
    return Section(text("training.preview.title"), body, trailing=hide)


def _button(missing: str, on_click: Callable[[], None]) -> ft.Control:
    return ft.OutlinedButton(
        text("training.preview.title"),
        icon=ft.Icons.VISIBILITY_OUTLINED,
        disabled=bool(missing),
        tooltip=missing or None,
        on_click=on_click,
    )


def _seen(services: Services, setup: Setup | None) -> _Seen | None:
    if setup is None:
        return None
    return services.previews.source_of(services.training.request_of(setup, Path.home())), setup.config
