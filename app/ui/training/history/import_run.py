"""Bring a finished run of another trainer into the history: look first, then import."""

from collections.abc import Callable
from typing import cast

import flet as ft

from app.domain.runs import Run
from app.services.foreign_runs import FoundRun
from app.services.history import HistoryService
from app.ui.actions import use_action
from app.ui.kit.entered import text_of
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.kit.text_field import TextField
from app.ui.landmarks import use_landmark
from app.ui.texts import text
from app.ui.theme import GAP
from app.ui.training.fields import Help
from app.ui.training.selection import RunSelection


@ft.component
def ImportRun(history: HistoryService, selection: RunSelection, on_changed: Callable[[], None]) -> ft.Control:
    """A button that opens the dialog."""
    is_open, set_open = ft.use_state(False)
    typed, set_typed = ft.use_state("")
    found, set_found = ft.use_state(cast(FoundRun | None, None))

    def close() -> None:
        set_open(False)
        set_found(None)

    def imported(run: Run) -> None:
        close()
        selection.choose(run.id)
        on_changed()

    def edit(event: ft.Event[ft.TextField]) -> None:
        set_typed(text_of(event))
        set_found(None)

    look = use_action(lambda: history.look_into(typed), on_done=set_found)
    take = use_action(lambda: history.import_run(cast(FoundRun, found)), on_done=imported)
    act, problem = (look, look.problem) if found is None else (take, take.problem)
    field = TextField(
        label=text("training.history.import.folder"),
        value=typed,
        hint_text="/path/to/output",
        autofocus=True,
        on_change=edit,
        on_submit=act.run,
    )
    told = (
        [
            Help(text("training.history.import.from", trainer=found.trainer)),
            *(Help(note) for note in found.notes),
        ]
        if found
        else []
    )
    body: list[ft.Control] = [
        Help(text("training.history.import.help")),
        field,
        Identified("import-run-found", ft.Column(told, spacing=2, tight=True), live=True),
        ErrorBanner(problem),
    ]
    dialog = ft.AlertDialog(
        title=ft.Text(text("training.history.import.title"), theme_style=ft.TextThemeStyle.TITLE_LARGE),
        content=ft.Container(ft.Column(body, tight=True, spacing=GAP * 1.5), width=480),
        actions=[
            ft.TextButton(text("training.history.import.cancel"), on_click=close),
            ft.FilledButton(
                text("training.history.import.look")
                if found is None
                else text("training.history.import.import"),
                disabled=act.is_busy or not typed,
                on_click=act.run,
            ),
        ],
        on_dismiss=close,
    )
    ft.use_dialog(dialog if is_open else None)
    button = ft.TextButton(
        text("training.history.import.open"),
        ref=use_landmark("training-4-history"),
        icon=ft.Icons.DRIVE_FOLDER_UPLOAD,
        on_click=lambda: set_open(True),
    )
    return Identified("import-run", button)
