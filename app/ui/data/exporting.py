"""Where a session was written to, and how to get at it."""

import asyncio
import re
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Final

import flet as ft

from app.domain.sessions import ExportFormat, Session
from app.paths import Paths
from app.ui.data.wording import rows
from app.ui.kit.copy_button import CopyButton
from app.ui.kit.icon_action import IconAction
from app.ui.kit.identified import Identified
from app.ui.kit.section import Card
from app.ui.kit.selectable import Selectable
from app.ui.texts import text

_DOWNLOAD_LIMIT: Final = 50 * 1024 * 1024
"""A download passes through memory as one message; a larger file is fetched from its folder."""


@dataclass(frozen=True)
class Exported:
    path: Path
    row_count: int
    note: str = ""
    """What to know about its format."""


def export_path(paths: Paths, session: Session, file_format: ExportFormat = ExportFormat.JSONL) -> Path:
    """A name in the exports folder that every file system takes, and that is free."""
    stem = re.sub(r"[^\w.-]+", "-", session.name).strip("-.")[:80] or "session"
    stem = f"{stem}-{session.id[:6]}-v{session.version}"
    names = (f"{stem}{n}.{file_format.value}" for n in chain([""], (f" ({n})" for n in count(2))))
    return next(path for name in names if not (path := paths.exports / name).exists())


def ExportLine(exported: Exported | None) -> ft.Control:
    """ "312 rows written to …", with a button to copy the path and, in the browser, one to download."""
    if exported is None:
        return ft.Container(visible=False)
    line: list[ft.Control] = [
        ft.Icon(ft.Icons.CHECK_CIRCLE_OUTLINE, color=ft.Colors.PRIMARY),
        Selectable(
            ft.Text(
                text(
                    "data.export.written",
                    rows=rows(exported.row_count),
                    path=exported.path,
                    note=exported.note,
                ).strip()
            ),
            expand=True,
        ),
        CopyButton(str(exported.path), what=text("data.export.the_path")),
    ]
    if ft.context.page.web:
        line.append(_download_button(exported.path))
    return Identified("exported", Card(ft.Row(line), padding=12), live=True)


def _download_button(path: Path) -> ft.Control:
    is_large = path.stat().st_size > _DOWNLOAD_LIMIT

    async def download() -> None:
        content = await asyncio.to_thread(path.read_bytes)
        await ft.FilePicker().save_file(file_name=path.name, src_bytes=content)

    return IconAction(
        ft.Icons.DOWNLOAD,
        text("data.export.too_large") if is_large else text("data.export.download"),
        download,
        disabled=is_large,
    )
