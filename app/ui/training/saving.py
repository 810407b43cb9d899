"""Give a file to the person: a download in the browser, a save dialog on the desktop."""

import asyncio
import logging
from pathlib import Path
from typing import Final

import flet as ft

from app.domain.errors import StudioError
from app.ui.texts import text

log = logging.getLogger(__name__)

MOST_BYTES: Final = 32 * 1024 * 1024
"""More does not go through the page's connection; the person is told where the file lies."""


async def offer_file(path: Path, name: str, exports: Path) -> str:
    """Hand over a copy of `path` under `name`; returns a sentence that says where it went.

    Where no dialog can be opened the copy goes to the folder `exports`. Raises StudioError.
    """
    content = await asyncio.to_thread(_read, path)
    if content is None:
        return text("training.saving.too_big", path=path)
    return await offer_bytes(content, name, exports)


async def offer_bytes(content: bytes, name: str, exports: Path) -> str:
    """As `offer_file`, of what is in no file yet."""
    if not content:
        raise StudioError(text("training.saving.nothing"), text("training.saving.nothing_hint"))
    page = ft.context.page
    try:
        chosen = await ft.FilePicker().save_file(file_name=name, src_bytes=content)
    except Exception as error:  # no dialog on this desktop (Linux needs zenity)
        log.warning("The save dialog could not be opened: %s", error)
        return text("training.saving.saved", path=await asyncio.to_thread(_write, content, exports / name))
    if page.web:
        return text("training.saving.downloaded", name=name)
    return text("training.saving.saved", path=chosen) if chosen else ""


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes() if path.stat().st_size <= MOST_BYTES else None
    except OSError as error:
        raise StudioError(
            text("training.saving.not_read", path=path, reason=error.strerror or error),
            text("training.saving.not_read_hint"),
        ) from error


def _write(content: bytes, target: Path) -> Path:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    except OSError as error:
        raise StudioError(
            text("training.saving.not_written", path=target, reason=error.strerror or error),
            text("training.saving.not_written_hint"),
        ) from error
    return target
