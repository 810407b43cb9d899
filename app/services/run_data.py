"""The rows of a run, as a file the trainer reads."""

from pathlib import Path

from app.domain.runs import RunRequest
from app.domain.sessions import Session
from app.services.library import LibraryService


def write_run_data(library: LibraryService, request: RunRequest, session: Session | None, path: Path) -> None:
    """Write the rows of a session, as it was when it was read, or of a file; nothing for a Hub dataset."""
    if session is not None:
        library.snapshot(session, path)
    elif request.data_file:
        path.parent.mkdir(exist_ok=True)
        config = request.config
        column = config.document_column_name if config.is_pretraining else None
        library.take_file(request.data_file, path, column)
