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
from app.ui.texts import text

_UPLOAD_SECONDS: Final = 3600


def why_no_chooser(page: ft.Page) -> str:
    """On a Linux desktop the chooser is a program of its own; empty if all is well."""
    if page.web or not sys.platform.startswith("linux") or shutil.which("zenity"):
        return ""
    return text("data.file.no_chooser")


async def choose_file(paths: Paths, on_progress: Callable[[float], None]) -> Path | None:
    """The chosen file's path; None if the person changed their mind.

    In the browser the file is uploaded to a folder of its own in `paths.uploads` first (`on_progress` from
    0 to 1); `forget_upload` removes it. Raises StudioError if the upload failed.
    """
    page = ft.context.page
    sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def heard(event: ft.FilePickerUploadEvent) -> None:
        if sent.done():
            return
        if event.error:
            sent.set_exception(
                StudioError(
                    text("data.file.not_uploaded", name=event.file_name), text("data.file.not_uploaded_hint")
                )
            )
        elif event.progress is not None:
            on_progress(event.progress)
            if event.progress >= 1:
                sent.set_result(None)

    picker = ft.FilePicker(on_upload=heard)
    chosen = await picker.pick_files(dialog_title=text("data.file.choose_file"))
    if not chosen:
        return None
    file = chosen[0]
    if file.path and not page.web:
        return Path(file.path)
    # A folder of its own: the file keeps the name that people know, and nothing can be overwritten.
    stored = f"{uuid.uuid4().hex}/{Path(file.name).name}"
    address = page.get_upload_url(stored, _UPLOAD_SECONDS)
    await picker.upload([ft.FilePickerUploadFile(upload_url=address, id=file.id, name=file.name)])
    await asyncio.wait_for(sent, _UPLOAD_SECONDS)
    return paths.uploads / stored


async def choose_folder() -> Path | None:
    """The chosen folder, on the desktop; None if the person changed their mind."""
    chosen = await ft.FilePicker().get_directory_path(dialog_title=text("data.file.choose_folder"))
    return Path(chosen) if chosen else None


def forget_upload(paths: Paths, file: Path) -> None:
    """Remove a file that was uploaded, with its folder; a person's own file is left alone."""
    if file.parent.parent == paths.uploads:
        shutil.rmtree(file.parent, ignore_errors=True)
