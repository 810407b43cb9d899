"""The rows of a run, as a file the trainer reads, and the folder they lie in."""

import json
import shutil
from pathlib import Path

from app.domain.errors import StudioError
from app.domain.runs import Run, RunRequest
from app.domain.sessions import Session
from app.services.library import LibraryService
from trainer_image.config import DATA_FILE, PREVIEW_FILE


def make_run_folder(
    library: LibraryService, folder: Path, request: RunRequest, session: Session | None
) -> None:
    """Make it and snapshot the rows into it, so that a run names exactly what it saw. Raises StudioError."""
    try:
        folder.mkdir(parents=True)
        write_run_data(library, request, session, folder / DATA_FILE)
        if request.expected is not None:
            told = json.dumps({"buckets": dict(request.expected)})
            (folder / PREVIEW_FILE).write_text(told, encoding="utf-8")
    except OSError as error:
        raise StudioError(
            f"The run's folder could not be written: {error.strerror or error}.",
            "Make room, or make the folder writable, then start again.",
        ) from error


def write_run_data(library: LibraryService, request: RunRequest, session: Session | None, path: Path) -> None:
    """Write the rows of a session, as it was when it was read, or of a file; nothing for a Hub dataset."""
    if session is not None:
        library.snapshot(session, path)
    elif request.data_file:
        path.parent.mkdir(exist_ok=True)
        config = request.config
        column = config.document_column_name if config.is_pretraining else None
        library.take_file(request.data_file, path, column)


def leave_wish(run: Run, command: str) -> None:
    """Where the trainer looks after each step. Raises StudioError if the folder can't be written."""
    try:
        wish = run.folder / command
        wish.parent.mkdir(exist_ok=True)
        wish.write_text("", encoding="utf-8")
    except OSError as error:
        raise StudioError(
            f"The run's folder could not be written: {error.strerror or error}.",
            "Make room on the disk, then ask again.",
        ) from error


def remove_folder(run: Run) -> None:
    """Remove the run's folder, if it is still there. Raises StudioError if something of it stays."""
    if not run.folder.exists():
        return
    try:
        shutil.rmtree(run.folder)
    except OSError as error:
        raise StudioError(
            f"The files in {run.folder} could not all be deleted: {error.strerror or error}.",
            "Delete them yourself, or delete the run without its files.",
        ) from error
