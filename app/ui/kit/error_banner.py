"""What went wrong and what to do, where the person is looking."""

from collections.abc import Callable
from typing import Any

import flet as ft

from app.ui.actions import Problem
from app.ui.kit.icon_action import IconAction
from app.ui.kit.identified import Identified
from app.ui.kit.selectable import Selectable
from app.ui.texts import text
from app.ui.theme import GAP, RADIUS


def ErrorBanner(
    problem: Problem | None,
    *,
    on_dismiss: Callable[[], Any] | None = None,
    retry: tuple[str, Callable[[], Any]] | None = None,
) -> ft.Control:
    """A red box with a sentence and a hint; takes no room without a problem.

    Args:
        on_dismiss: Adds a close button.
        retry: Label and handler of a button under the text.
    """
    if problem is None:
        return ft.Container(visible=False)
    color = ft.Colors.ON_ERROR_CONTAINER
    lines: list[ft.Control] = [
        ft.Text(problem.message, color=color, theme_style=ft.TextThemeStyle.TITLE_SMALL)
    ]
    if problem.hint:
        lines.append(ft.Text(problem.hint, color=color))
    said: list[ft.Control] = [Selectable(ft.Column(lines, spacing=GAP / 2, tight=True))]
    if retry is not None:
        said.append(ft.FilledButton(retry[0], icon=ft.Icons.REFRESH, on_click=retry[1]))
    row: list[ft.Control] = [
        ft.Icon(ft.Icons.ERROR_OUTLINE, color=color, semantics_label=text("window.kit.problem")),
        ft.Column(said, expand=True, spacing=GAP),
    ]
    if on_dismiss is not None:
        row.append(IconAction(ft.Icons.CLOSE, text("window.kit.dismiss"), on_dismiss, color=color))
    box = ft.Container(
        ft.Row(row, vertical_alignment=ft.CrossAxisAlignment.START, spacing=12),
        bgcolor=ft.Colors.ERROR_CONTAINER,
        border_radius=RADIUS,
        padding=14,
    )
    return Identified("problem", box, live=True)
