"""Shows a folder of this computer in its file manager, and says so beside the button where that fails."""

from collections.abc import Callable
from pathlib import Path

import flet as ft

from app.ui.actions import use_action
from app.ui.texts import text
from app.ui.theme import GAP


@ft.component
def OpenFolderButton(show: Callable[[Path], None], folder: Path) -> ft.Control:
    """`show` is a service's; it may take seconds."""
    action = use_action(lambda: show(folder), lambda _: None)
    button = ft.TextButton(
        text("window.kit.open_folder"),
        icon=ft.Icons.FOLDER_OPEN,
        on_click=action.run,
    )
    lines: list[ft.Control] = [button]  # in a column, as a card would draw it out over its whole width
    if action.problem is not None:
        words = f"{action.problem.message} {action.problem.hint}"
        said = ft.Text(words, color=ft.Colors.ERROR, theme_style=ft.TextThemeStyle.BODY_SMALL)
        lines.append(ft.Semantics(content=said, live_region=True))
    return ft.Column(lines, spacing=GAP / 2, tight=True)
