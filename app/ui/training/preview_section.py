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
from app.ui.training.draft import TrainingDraft
from app.ui.training.mounting import memoised
from app.ui.training.watching import use_answer
from trainer_image.config import RunConfig

_TYPING_SECONDS: Final = 0.3

_Seen = tuple[Source, RunConfig]


@ft.component
def PreviewSection(services: Services, draft: TrainingDraft) -> ft.Control:
    """Asks for nothing until it is opened; then it follows the form."""
    is_open, set_open = ft.use_state(False)
    seen, set_seen = ft.use_state(cast(_Seen | None, None))
    problem, set_problem = ft.use_state(cast(Problem | None, None))
    setup, missing = _read(draft)
    asked = setup.model_dump_json() if setup and is_open else ""

    def use_length(length: int) -> None:
        draft.type_number("max_seq_len", str(length))

    use = ft.use_memo(lambda: use_length, dependencies=[draft])

    def take(found: _Seen | None) -> None:
        if found is not None:
            set_problem(None)
            set_seen(found)

    use_answer(
        lambda: _seen(services, setup) if asked else None,
        take,
        on=asked,
        delay_seconds=_TYPING_SECONDS,
        on_problem=set_problem,
    )
    if not is_open:
        return Section(
            "Preview data",
            [ft.Row([_button(missing, lambda: set_open(True))])],
            subtitle="See every token as the model will, what becomes of each row, and how long rows may be.",
        )
    body: list[ft.Control] = [ErrorBanner(problem)]
    if missing:
        body.append(ft.Text(f"{missing}: the preview follows.", color=ft.Colors.ON_SURFACE_VARIANT))
    if seen is not None and problem is None:
        body.append(memoised(ModelView, "preview", services.previews, *seen, use))
    hide = ft.TextButton("Hide", icon=ft.Icons.EXPAND_LESS, on_click=lambda: set_open(False))
    return Section("Preview data", body, trailing=hide)


def _button(missing: str, on_click: Callable[[], None]) -> ft.Control:
    return ft.OutlinedButton(
        "Preview data",
        icon=ft.Icons.VISIBILITY_OUTLINED,
        disabled=bool(missing),
        tooltip=missing or None,
        on_click=on_click,
    )


def _read(draft: TrainingDraft) -> tuple[Setup | None, str]:
    """The form as a setup, or what it lacks."""
    if missing := draft.missing():
        return None, missing
    try:
        return draft.to_setup(), ""
    except ValueError:  # a rule of the schema no field of the form speaks for
        return None, "Correct the values of the form"


def _seen(services: Services, setup: Setup | None) -> _Seen | None:
    if setup is None:
        return None
    return services.previews.source_of(services.training.request_of(setup, Path.home())), setup.config
