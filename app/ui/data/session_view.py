"""One session: its name and origin, what can be done with it, and its rows."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, cast

import flet as ft

from app.domain.sessions import Session
from app.paths import Paths
from app.services.library import LibraryService
from app.services.previews import PreviewService
from app.ui.actions import use_action
from app.ui.data.dialogs import use_delete, use_rename
from app.ui.data.exporting import Exported, ExportLine, export_path
from app.ui.data.model_view.panel import SeenByModel
from app.ui.data.preview import Preview
from app.ui.data.wording import about
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.icon_action import IconAction
from app.ui.theme import GAP, SPACE
from app.ui.training.fields import Segments
from app.ui.training.mounting import keyed

_VIEWS: Final = (("rows", "Rows"), ("model", "What the model sees"))


@ft.component
def SessionView(
    library: LibraryService,
    paths: Paths,
    session: Session,
    on_changed: Callable[[], object],
    previews: PreviewService | None = None,
) -> ft.Control:
    """`on_changed` is told after a rename or a delete. With `previews` the rows are shown as models see them,
    too."""
    view, set_view = ft.use_state("rows")
    exported, set_exported = ft.use_state(cast(Exported | None, None))
    rename = use_rename(library, session, on_changed)
    delete = use_delete(library, session, on_changed)

    def write() -> Exported:
        path: Path = export_path(paths, session)
        return Exported(path, library.export(session.id, path))

    export = use_action(write, on_done=set_exported)
    buttons = ft.Row(
        [
            ft.OutlinedButton(
                "Export JSONL",
                icon=ft.Icons.FILE_DOWNLOAD_OUTLINED,
                disabled=export.is_busy,
                on_click=export.run,
            ),
            IconAction(ft.Icons.EDIT_OUTLINED, "Rename session", rename),
            IconAction(ft.Icons.DELETE_OUTLINE, "Delete session", delete),
        ],
        spacing=GAP,
        tight=True,
    )
    title = ft.Column(
        [
            ft.Text(session.name, theme_style=ft.TextThemeStyle.TITLE_LARGE),
            ft.Text(about(session), color=ft.Colors.ON_SURFACE_VARIANT),
        ],
        spacing=2,
        tight=True,
    )
    return ft.Column(
        [
            ft.Row(
                [title, buttons],
                wrap=True,
                alignment=ft.MainAxisAlignment.SPACE_BETWEEN,
                vertical_alignment=ft.CrossAxisAlignment.CENTER,
            ),
            ErrorBanner(export.problem, on_dismiss=export.dismiss),
            ExportLine(exported),
            Segments("session-view", "Show", view, _VIEWS, set_view)
            if previews is not None
            else ft.Container(visible=False),
            Preview(library, session)
            if previews is None or view == "rows"
            else keyed(SeenByModel, f"seen-{session.id}", previews, session),
        ],
        spacing=SPACE,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
