"""The rows of a file as a run reads them, whatever format they have."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from app.domain.errors import ImportFailedError
from app.domain.mapping import ColumnMapping, Part, RowKind, mapping_by_names
from app.domain.reading import Preview, ReadOptions
from app.domain.session_ports import RowSource
from app.services.row_files import as_line
from trainer_image.rows import Refused

_LOOKED_AT: Final = 20
_LONGEST_REASON: Final = 300
_TOLD_ROWS: Final = 500


def take_file(
    sources: RowSource,
    path: Path,
    target: Path,
    document_column: str | None,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Write a file's rows to `target` as a run reads them: copied if the trainer knows them, else converted.

    With `document_column` they are documents in that column. What is refused stands among the converted rows
    as a line {"refused": reason}, so that the run's own account of its rows has it too. `progress` is told
    how many are done, and may raise. Raises ImportFailedError, and OSError if `target` cannot be written.
    """
    preview = sources.preview_file(path, _LOOKED_AT, ReadOptions())
    if _is_for_the_trainer(sources, path, preview, document_column):
        shutil.copyfile(path, target)
        return
    mapping = None
    if document_column in preview.columns:
        mapping = ColumnMapping(RowKind.DOCUMENT, {Part.TEXT: document_column or ""})
    reading = sources.read_file(path, ReadOptions(mapping))
    count = 0
    with target.open("w", encoding="utf-8") as file:
        for number, item in enumerate(reading):
            if progress is not None and number % _TOLD_ROWS == 0:
                progress(number)
            file.write(_refused_line(item, reading.unit) if isinstance(item, Refused) else as_line(item))
            count += not isinstance(item, Refused)
    if not count:
        raise ImportFailedError(
            f"No row of {path.name} can be used.", "Import it in the Data tab: it says why, row by row."
        )


def is_for_the_trainer(sources: RowSource, path: Path, document_column: str | None) -> bool:
    """Whether `take_file` would take it as it is. Raises ImportFailedError."""
    preview = sources.preview_file(path, _LOOKED_AT, ReadOptions())
    return _is_for_the_trainer(sources, path, preview, document_column)


def _is_for_the_trainer(
    sources: RowSource, path: Path, preview: Preview, document_column: str | None
) -> bool:
    return sources.is_plain_jsonl(path) and _trainer_knows(preview, document_column)


def clipped(reason: str) -> str:
    """A reason may quote the row, and a row may be megabytes."""
    return reason if len(reason) <= _LONGEST_REASON else reason[: _LONGEST_REASON - 1] + "…"


def _refused_line(item: Refused, unit: str) -> str:
    return json.dumps({"refused": f"{unit} {item.line}: {clipped(item.reason)}"}) + "\n"


def _trainer_knows(preview: Preview, document_column: str | None) -> bool:
    """Whether the trainer reads the rows as they are. What nobody can read it may refuse itself."""
    if document_column or preview.mapping is None or not preview.rows:
        return True
    return mapping_by_names(preview.rows[0]) is not None
