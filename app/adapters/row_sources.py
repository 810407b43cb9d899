"""Rows from outside for an import: JSONL files and Hugging Face datasets.

What a row is, `trainer_image.rows` says, for the trainer as for this importer.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from app.adapters.hub_rows import read_hub_rows
from app.domain.errors import ImportFailedError
from trainer_image.rows import Refused, Row, read_jsonl

_HEAD_BYTES: Final = 4096
_JSONL_ONLY: Final = "Tunewright reads JSONL: text with one JSON object a line."

_FORMATS: Final = (
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "an Arrow file"),
    (b"PK\x03\x04", "a ZIP archive or an Office document"),
    (b"%PDF", "a PDF document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"BZh", "a bzip2 archive"),
    (b"SQLite format 3\x00", "a SQLite database"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
)
"""First bytes of files that people pick by mistake."""

_ARRAY: Final = re.compile(rb"\s*\[\s*(\{|$)")
"""One JSON array of objects instead of an object a line."""


class RowSources:
    """RowSource over files and the Hub."""

    def read_file(self, path: Path) -> Iterator[Row | Refused]:
        """Raises at once if the file is none, is empty or is of another format."""
        try:
            _refuse_other_formats(path)
        except OSError as error:
            raise _unreadable(path, error) from error
        return _rows(path)

    def read_hub(
        self, repo: str, split: str, config: str | None, *, token: str | None
    ) -> Iterator[Row | Refused]:
        return read_hub_rows(repo, split, config, token=token)


def _rows(path: Path) -> Iterator[Row | Refused]:
    try:
        yield from read_jsonl(path)
    except OSError as error:
        raise _unreadable(path, error) from error


def _refuse_other_formats(path: Path) -> None:
    if path.exists() and not path.is_file():
        kind = "a folder" if path.is_dir() else "not a file"
        raise ImportFailedError(f"{path.name} is {kind}.", "Choose a JSONL file.")
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if not head:
        raise ImportFailedError(f"{path.name} is empty.", _JSONL_ONLY)
    for first_bytes, format_name in _FORMATS:
        if head.startswith(first_bytes):
            hint = f"{_JSONL_ONLY} Convert it, or unpack it, and import the result."
            raise ImportFailedError(f"{path.name} looks like {format_name}.", hint)
    if _ARRAY.match(head.removeprefix(b"\xef\xbb\xbf")):
        raise ImportFailedError(
            f"{path.name} is one JSON array, not JSONL.",
            f"{_JSONL_ONLY} This converts it: jq -c '.[]' {path.name} > {path.stem}.jsonl",
        )
    if b"\x00" in head:
        raise ImportFailedError(f"{path.name} is not a text file.", _JSONL_ONLY)


def _unreadable(path: Path, error: OSError) -> ImportFailedError:
    if isinstance(error, FileNotFoundError):
        return ImportFailedError(f"There is no file {path}.", "Check the name and the folder.")
    if isinstance(error, PermissionError):
        return ImportFailedError(f"You may not read {path}.", "Allow reading it, or copy it elsewhere.")
    reason = error.strerror or str(error)
    return ImportFailedError(f"{path} cannot be read: {reason}.", "Copy it to another disk and try again.")
