"""The rows of a source as lines of JSONL: some of them, or all in a file for a moment."""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Final

from app.domain.previews import PreviewError, Progress, Source
from app.domain.sessions import SessionId
from app.services.library import LibraryService
from app.services.row_files import as_line

SMALL_ROWS: Final = 2_000
"""So many rows take about a second: they are looked at whole, at once."""
_SMALL_BYTES: Final = 1_000_000
"""Of a file whose rows nobody has counted."""
_SAMPLE_ROWS: Final = 500
_SAMPLE_PAGES: Final = 10
_PAGE: Final = 1_000


class SourceRows:
    """Blocking."""

    def __init__(self, library: LibraryService, cache: Path) -> None:
        self._library, self._cache = library, cache

    @contextmanager
    def as_file(self, source: Source, progress: Progress) -> Iterator[Path]:
        """The rows as a JSONL file, for a moment; a file stays where it lies."""
        if source.file:
            yield source.file.absolute()
            return
        with self.workplace() as place:
            yield write_lines(place / "rows.jsonl", self.lines(source), lambda _: progress(0))

    @contextmanager
    def workplace(self) -> Iterator[Path]:
        """A folder for a moment."""
        self._cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._cache, prefix="rows-") as place:
            yield Path(place)

    def lines(self, source: Source, *, start: int = 0, limit: int | None = None) -> Iterator[str]:
        """Rows as JSONL, as a run would be given them."""
        if source.session_id:
            return self._session_lines(source.session_id, source.version, start, limit, source.row_count)
        assert source.file
        return _file_lines(source.file, start, limit)

    def _session_lines(
        self, session_id: SessionId, version: int | None, start: int, limit: int | None, count: int | None
    ) -> Iterator[str]:
        """Of the version whose identity the source has, whatever became of the session since."""
        count = self._library.get(session_id).row_count if count is None else count
        end = count if limit is None else min(start + limit, count)
        for first in range(start, end, _PAGE):
            size = min(_PAGE, end - first)
            for row in self._library.rows(session_id, start=first, limit=size, version=version):
                yield as_line(row)

    def sampled(self, source: Source) -> Iterator[str]:
        """Some pages from all over the source; of a file whose rows nobody has counted, the beginning."""
        if source.row_count is None:
            yield from self.lines(source, limit=_SAMPLE_ROWS)
            return
        size = _SAMPLE_ROWS // _SAMPLE_PAGES
        for page in range(_SAMPLE_PAGES):
            yield from self.lines(source, start=page * source.row_count // _SAMPLE_PAGES, limit=size)


def write_lines(path: Path, lines: Iterator[str], progress: Progress) -> Path:
    try:
        with path.open("w", encoding="utf-8", newline="\n") as file:
            for number, line in enumerate(lines):
                file.write(line)
                if number % _PAGE == 0:
                    progress(number)
    except OSError as error:
        raise PreviewError(
            f"{path.parent} could not be written: {error.strerror or error}.", "Make room and look again."
        ) from error
    return path


def _file_lines(path: Path, start: int, limit: int | None) -> Iterator[str]:
    """Lines that hold a row, as they stand there."""
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
            rows = (line for line in file if line.strip())
            yield from islice(rows, start, None if limit is None else start + limit)
    except OSError as error:
        raise _unreadable(path, error) from error


def characters_of(value: object) -> int:
    """Of all texts in a row."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(characters_of(each) for name, each in value.items() if name != "role")
    return sum(characters_of(each) for each in value) if isinstance(value, list) else 0


def is_small(source: Source) -> bool:
    """Whether all of it takes about a second."""
    if source.row_count is not None:
        return source.row_count <= SMALL_ROWS
    assert source.file
    try:
        return source.file.stat().st_size <= _SMALL_BYTES
    except OSError as error:
        raise _unreadable(source.file, error) from error


def identity_of(source: Source) -> str:
    """The same for the same content. Reads a file once. Raises PreviewError."""
    if source.identity or not source.file:
        return source.identity
    try:
        with source.file.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(source.file, error) from error


def _unreadable(path: Path, error: OSError) -> PreviewError:
    return PreviewError(f"{path.name} cannot be read: {error.strerror or error}.", "Check the path.")
