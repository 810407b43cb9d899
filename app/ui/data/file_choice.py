"""Choose a file: by the system's chooser on the desktop, by upload in the browser."""

import asyncio
import shutil
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final

import flet as ft

from app.domain.errors import StudioError
from app.paths import Paths

_UPLOAD_SECONDS: Final = 3600


def why_no_chooser(page: ft.Page) -> str:
    """On a Linux desktop the chooser is a program of its own; empty if all is well."""
    if page.web or not sys.platform.startswith("linux") or shutil.which("zenity"):
        return ""
    return "The file chooser needs the program zenity, which is not installed. Type the file's path instead."


async def choose_file(paths: Paths, on_progress: Callable[[float], None]) -> tuple[Path, str] | None:
    """The chosen file's path and its name for people; None if the person changed their mind.

    In the browser the file is uploaded to `paths.uploads` first (`on_progress` from 0 to 1); remove it
    after use. Raises StudioError if the upload failed.
    """
    page = ft.context.page
    sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def heard(event: ft.FilePickerUploadEvent) -> None:
        if sent.done():
            return
        if event.error:
            sent.set_exception(
                StudioError(f"{event.file_name} could not be uploaded.", "Choose it again, or type its path.")
            )
        elif event.progress is not None:
            on_progress(event.progress)
            if event.progress >= 1:
                sent.set_result(None)

    picker = ft.FilePicker(on_upload=heard)
    chosen = await picker.pick_files(dialog_title="Choose a JSONL file")
    if not chosen:
        return None
    file = chosen[0]
    if file.path and not page.web:
        return Path(file.path), file.name
    stored = f"{uuid.uuid4().hex}.jsonl"
    address = page.get_upload_url(stored, _UPLOAD_SECONDS)
    await picker.upload([ft.FilePickerUploadFile(upload_url=address, id=file.id, name=file.name)])
    await asyncio.wait_for(sent, _UPLOAD_SECONDS)
    return paths.uploads / stored, file.name
