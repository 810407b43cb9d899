"""Two setups side by side: what they say differently."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, cast

import flet as ft

from app.domain.saved_setups import SavedSetup
from app.domain.setup_differences import Difference, differences
from app.services.setup_files import as_compared
from app.services.setups import SetupService
from app.ui.actions import Problem
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.texts import text
from app.ui.theme import GAP
from app.ui.training.draft import TrainingDraft
from app.ui.training.fields import Choice
from app.ui.training.setups.save_setup import current
from app.ui.training.watching import use_answer

_FORM: Final = ""
"""Stands for the form as it is."""

Found = tuple[Sequence[Difference], Problem | None]
"""What differs, or why that cannot be said."""


def use_comparing(
    setups: SetupService, draft: TrainingDraft, name: str, saved: Sequence[SavedSetup]
) -> Callable[[], object]:
    """Returns what opens the dialog."""
    is_open, set_open = ft.use_state(False)
    other, set_other = ft.use_state(_FORM)
    found, set_found = ft.use_state(cast(Found, ((), None)))

    def compare() -> Found:
        if not is_open:
            return (), None
        right = setups.load(other) if other else current(draft)
        left, right = (as_compared(each, Path.home()) for each in (setups.load(name), right))
        return differences(left, right), None

    use_answer(compare, set_found, on=(is_open, name, other), on_problem=lambda why: set_found(((), why)))

    def choose(value: str) -> None:
        set_other("" if value == "form" else value)

    def open_dialog() -> None:
        set_other(_FORM)
        set_open(True)

    rows, problem = found
    options = [
        ("form", text("training.setups.compare.form")),
        *((one.name, one.name) for one in saved if one.name != name),
    ]
    body: list[ft.Control] = [
        Choice("compare-with", text("training.setups.compare.with"), other or "form", options, choose),
        ErrorBanner(problem)
        if problem
        else _table(name, other or text("training.setups.compare.the_form"), rows),
    ]
    dialog = ft.AlertDialog(
        title=ft.Text(
            text("training.setups.compare.title", name=name), theme_style=ft.TextThemeStyle.TITLE_LARGE
        ),
        content=ft.Container(ft.Column(body, spacing=GAP, tight=True), width=620),
        scrollable=True,
        actions=[
            ft.TextButton(
                text("training.setups.compare.close"), autofocus=True, on_click=lambda: set_open(False)
            )
        ],
        on_dismiss=lambda: set_open(False),
    )
    ft.use_dialog(dialog if is_open else None)
    return open_dialog


def _table(left: str, right: str, found: Sequence[Difference]) -> ft.Control:
    if not found:
        return Identified("setup-differences", ft.Text(text("training.setups.compare.same")))
    table = ft.Column(
        [
            _row(text("training.setups.compare.setting"), left, right, is_heading=True),
            *(_row(d.label, *d.said()) for d in found),
        ],
        spacing=GAP / 2,
        tight=True,
    )
    return Identified("setup-differences", table)


def _row(*cells: str, is_heading: bool = False) -> ft.Control:
    style = ft.TextThemeStyle.LABEL_LARGE if is_heading else ft.TextThemeStyle.BODY_MEDIUM
    return ft.Row(
        [ft.Text(cell, expand=True, theme_style=style) for cell in cells],
        vertical_alignment=ft.CrossAxisAlignment.START,
    )
