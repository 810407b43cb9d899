"""A button beside a path that is typed: the system's own dialog opens, and what is chosen there is taken."""

import logging
from collections.abc import Callable

import flet as ft

from app.ui.kit.icon_action import IconAction

log = logging.getLogger(__name__)


def beside_browse(
    field: ft.Control, name: str, take: Callable[[str], None], *, folder: bool = False, title: str = ""
) -> ft.Control:
    """The field and the button; in a browser, which never tells where a chosen file lies, the field alone.

    Args:
        name: Of the button.
        take: Called with the chosen path.
        folder: A folder is looked for, not a file.
    """
    if ft.context.page.web:
        return field

    async def browse() -> None:
        try:
            chosen = await (_folder(title) if folder else _file(title))
        except Exception as error:  # no dialog on this desktop (Linux needs zenity): typing remains
            log.warning("The dialog for files could not be opened: %s", error)
            return
        if chosen:
            take(chosen)

    return ft.Row(
        [ft.Container(field, expand=True), IconAction(ft.Icons.FOLDER_OPEN, name, browse)],
        vertical_alignment=ft.CrossAxisAlignment.START,
    )


async def _folder(title: str) -> str | None:
    return await ft.FilePicker().get_directory_path(dialog_title=title or None)


async def _file(title: str) -> str | None:
    files = await ft.FilePicker().pick_files(dialog_title=title or None)
    return files[0].path if files else None
