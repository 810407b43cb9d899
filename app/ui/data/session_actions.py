"""What can be done with a whole session."""

from collections.abc import Callable
from functools import partial
from typing import cast

import flet as ft

from app.domain.sessions import ExportFormat, Session
from app.ui.actions import use_action
from app.ui.data.appending import use_appending
from app.ui.data.dialogs import use_delete, use_rename, use_tags
from app.ui.data.exporting import Exported, ExportLine, export_path
from app.ui.data.publish_dialog import use_publishing
from app.ui.data.session_context import SessionContext
from app.ui.data.working import WorkStatus, use_work
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.icon_action import IconAction
from app.ui.kit.identified import Identified
from app.ui.long_work import Tell
from app.ui.texts import text
from app.ui.theme import GAP


@ft.component
def SessionActions(context: SessionContext, on_changed: Callable[[], object]) -> ft.Control:
    """Buttons for what is done often; the rest in a menu."""
    library, session = context.library, context.session
    exported, set_exported = ft.use_state(cast(Exported | None, None))
    exporting = use_work()
    rename = use_rename(library, session, on_changed)
    tag = use_tags(library, session, on_changed)
    delete = use_delete(library, session, on_changed)
    append = use_appending(library, session, context.on_changed)
    publish = use_publishing(context.publishing, session) if context.publishing is not None else None

    def copied(_: Session) -> None:
        on_changed()

    duplicate = use_action(lambda: library.duplicate(session), on_done=copied)

    def write(file_format: ExportFormat, tell: Tell[str]) -> Exported:
        path = export_path(context.paths, session, file_format)
        count = library.export(
            session.id,
            path,
            file_format,
            progress=lambda done: tell(text("data.session.exporting", done=done, total=session.row_count)),
        )
        return Exported(path, count, text("data.session.csv_note") if file_format is ExportFormat.CSV else "")

    async def export(file_format: ExportFormat) -> None:
        set_exported(None)
        await exporting.run(partial(write, file_format), set_exported)

    async def export_jsonl() -> None:
        await export(ExportFormat.JSONL)

    def item(label: str, icon: ft.IconData, on_click: Callable[[], object]) -> ft.PopupMenuItem:
        return ft.PopupMenuItem(content=label, icon=icon, on_click=on_click)

    menu = [
        item(
            text("data.session.export_parquet"),
            ft.Icons.FILE_DOWNLOAD_OUTLINED,
            partial(export, ExportFormat.PARQUET),
        ),
        item(
            text("data.session.export_csv"),
            ft.Icons.FILE_DOWNLOAD_OUTLINED,
            partial(export, ExportFormat.CSV),
        ),
        item(text("data.session.append"), ft.Icons.PLAYLIST_ADD, append),
        item(text("data.session.duplicate"), ft.Icons.CONTENT_COPY, duplicate.run),
    ]
    if publish is not None:
        menu.append(item(text("data.session.publish"), ft.Icons.CLOUD_UPLOAD_OUTLINED, publish))
    button = ft.PopupMenuButton(icon=ft.Icons.MORE_VERT, tooltip=text("data.session.more"), items=menu)
    more = Identified("session-more", button, label=text("data.session.more"))
    buttons = [
        ft.OutlinedButton(
            text("data.session.export_jsonl"),
            icon=ft.Icons.FILE_DOWNLOAD_OUTLINED,
            disabled=exporting.is_busy,
            on_click=export_jsonl,
        ),
        IconAction(ft.Icons.EDIT_OUTLINED, text("data.session.rename_icon"), rename),
        IconAction(ft.Icons.LABEL_OUTLINE, text("data.session.tag_icon"), tag),
        IconAction(ft.Icons.DELETE_OUTLINE, text("data.session.delete_icon"), delete),
        more,
    ]
    return ft.Column(
        [
            ft.Row([*buttons], spacing=GAP, tight=True),
            ErrorBanner(duplicate.problem, on_dismiss=duplicate.dismiss),
            WorkStatus(exporting, identifier="export-progress"),
            ExportLine(exported),
        ],
        spacing=GAP,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
