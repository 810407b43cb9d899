"""Collect sessions: import, look at, export, rename, tag, copy and delete them."""

import json
import logging
import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from app.domain.elsewhere import Elsewhere
from app.domain.errors import ImportFailedError, StudioError, UnknownSessionError
from app.domain.hub import HubDatasetParts, hub_label
from app.domain.mapping import ColumnMapping
from app.domain.ports import Secrets, SettingsStore
from app.domain.reading import Preview, Reading, ReadOptions
from app.domain.ready_rows import ReadyRow
from app.domain.session_ports import RowSource, SessionStore
from app.domain.sessions import (
    ExportFormat,
    ImportReport,
    RefusedRow,
    RowChange,
    Session,
    SessionId,
    SessionRow,
)
from app.services.editing import EditingService
from app.services.elsewhere import LONG_ROWS, elsewhere_if, is_long_file
from app.services.fetching import Fetching, noted
from app.services.row_files import write_rows
from app.services.run_rows import clipped, is_for_the_trainer, take_file
from trainer_image.rows import Refused, Row, RowError, to_messages

log = logging.getLogger(__name__)

SAMPLE_NAME = "Ferry help desk (sample)"
_SAMPLE_DONE = "library.sample_imported"
_REFUSED_KEPT = 1000
_SPARE: Final = 3
"""Rows drawn for one prompt: some ask nothing."""
KEPT_DELETED: Final = timedelta(days=7)
"""How long a deleted session can be brought back."""

_AS_GUESSED = ReadOptions()
_NO_ROW = (
    "Rows may be chat messages, prompt/completion, instruction/input/output, or any columns whose part you "
    "choose: in the preview, or with --map question=COLUMN --map answer=COLUMN."
)
_NO_PASSAGE = "Text is read as it stands in the file; what is a picture must be recognised first, by OCR."

Progress = Callable[[int], None]
"""Told the number of rows read so far; may raise `ImportCancelledError` to stop."""


class ImportCancelledError(StudioError):
    """The person cancelled; nothing was stored."""

    def __init__(self) -> None:
        super().__init__("The import was cancelled.", "Nothing was stored.")


class LibraryService:
    """What the Data tab can ask for. Blocking: the UI calls it off the event loop.

    Given another process, what is long is done there.
    """

    place = "library"

    def __init__(
        self,
        sessions: SessionStore,
        sources: RowSource,
        settings: SettingsStore,
        secrets: Secrets,
        sample_file: Path,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self._sessions = sessions
        self._sources = sources
        self._settings = settings
        self._secrets = secrets
        self._sample_file = sample_file
        self.elsewhere = elsewhere
        self.editing = EditingService(sessions, elsewhere)
        self.fetching = Fetching()

    def sessions(self) -> Sequence[Session]:
        """All sessions, newest first."""
        return self._sessions.all()

    def get(self, session_id: SessionId) -> Session:
        return self._sessions.get(session_id)

    def find(self, name_or_id: str) -> Session:
        """By name, id, or the start of an id. Raises UnknownSessionError."""
        return self._sessions.find(name_or_id)

    def rows(
        self, session_id: SessionId, *, start: int = 0, limit: int = 50, version: int | None = None
    ) -> list[SessionRow]:
        """One page of rows, of the newest version or of that one."""
        return list(self._sessions.rows(session_id, start=start, limit=limit, version=version))

    @elsewhere_if(lambda _, given: is_long_file(given["path"]))
    def import_file(
        self,
        path: Path,
        name: str = "",
        progress: Progress | None = None,
        source: str = "",
        options: ReadOptions = _AS_GUESSED,
    ) -> ImportReport:
        """Read a file, or all files in a folder, into a new session.

        Raises ImportFailedError if it cannot be read or no row can be used; then nothing is stored.
        """
        reading = self._sources.read_file(path, options)
        return self._import(reading, name or _stem(path), source or path.name, path.name, progress)

    def preview_file(self, path: Path, count: int = 20, options: ReadOptions = _AS_GUESSED) -> Preview:
        """The first rows of a file, or of a folder's first file. Raises ImportFailedError."""
        return self._sources.preview_file(path, count, options)

    @noted
    @elsewhere_if(lambda *_: True)
    def import_hub(
        self,
        repo: str,
        split: str = "train",
        config: str | None = None,
        name: str = "",
        progress: Progress | None = None,
        mapping: ColumnMapping | None = None,
    ) -> ImportReport:
        """Read a Hugging Face dataset into a new session. Raises ImportFailedError.

        Without a mapping it is guessed, as `preview_hub` shows it.
        """
        rows = self._sources.read_hub(repo, split, config, mapping, token=self._secrets.hf_token())
        label = hub_label(repo, split, config)
        return self._import(Reading(rows, "row"), name or repo.rsplit("/", 1)[-1], label, label, progress)

    @noted
    def preview_hub(
        self, repo: str, split: str = "train", config: str | None = None, count: int = 20
    ) -> Preview:
        """The first rows of a Hugging Face dataset, streamed. Raises ImportFailedError."""
        return self._sources.preview_hub(repo, split, config, count, token=self._secrets.hf_token())

    def why_no_hub(self) -> str:
        """Why nothing can be read from the Hub now, as a sentence; empty if it may be asked."""
        return self._sources.why_no_hub()

    def random_prompts(self, session_id: SessionId, count: int) -> list[str]:
        """First questions of `count` random rows, in random order."""
        rows = self._sessions.get(session_id).row_count
        chosen = random.sample(range(rows), min(rows, count * _SPARE))
        found: list[str] = []
        for position in chosen:
            [row] = self._sessions.rows(session_id, start=position, limit=1)
            asked = (str(m["content"]) for m in row.messages if m["role"] == "user")
            if question := next(asked, "").strip():
                found.append(question)
            if len(found) == count:
                break
        return found

    def find_on_hub(self, words: str) -> Sequence[str]:
        """Datasets with these words, the most used first. Raises ImportFailedError."""
        return self._sources.find_on_hub(words, token=self._secrets.hf_token())

    def hub_parts(self, repo: str) -> HubDatasetParts:
        """A dataset's configurations and splits. Raises ImportFailedError."""
        return self._sources.hub_parts(repo, token=self._secrets.hf_token())

    def ensure_sample(self) -> Session | None:
        """Import the bundled sample once in the life of the database; deleting it is respected."""
        if self._settings.get(_SAMPLE_DONE):
            return None
        session = self.sample()
        first = SessionId(self._settings.claim(_SAMPLE_DONE, session.id))
        return session if first == session.id else self._only(first, session)

    def _only(self, first: SessionId, second: Session) -> Session:
        """Of two samples, imported by two starts at once, the first."""
        self._sessions.delete(second.id)
        try:
            return self._sessions.rename(first, SAMPLE_NAME)
        except UnknownSessionError:  # deleted within that second
            return self.sample()

    def sample(self) -> Session:
        """The bundled sample, imported now if it is not there."""
        for session in self._sessions.all():
            if session.name == SAMPLE_NAME:
                return session
        return self.import_file(self._sample_file, SAMPLE_NAME, source="Bundled sample").session

    @elsewhere_if(lambda self, given: self.get(given["session_id"]).row_count >= LONG_ROWS)
    def export(
        self,
        session_id: SessionId,
        path: Path,
        file_format: ExportFormat = ExportFormat.JSONL,
        *,
        version: int | None = None,
        overwrite: bool = False,
        progress: Progress | None = None,
    ) -> int:
        """Write a session, or an older version, with all that is known of its rows; returns how many.

        The file appears whole or not at all. Raises StudioError if it cannot be written, or is there already.
        """
        rows = self._sessions.rows(session_id, version=version)
        return write_rows(path, rows, file_format, overwrite=overwrite, progress=progress)

    def snapshot(self, session: Session, path: Path) -> int:
        """Write the rows of a session as it was seen for a run: JSONL of `messages` only, whose checksum is
        the content hash. What was collected since is left out."""
        rows = self._sessions.rows(session.id, version=session.version, limit=session.row_count)
        return write_rows(path, rows, with_meta=False)

    @elsewhere_if(lambda _, given: is_long_file(given["path"]))
    def append_file(
        self,
        base: Session,
        path: Path,
        progress: Progress | None = None,
        options: ReadOptions = _AS_GUESSED,
    ) -> ImportReport:
        """Read a file into new rows at the end. Raises as `import_file` does, and StaleSessionError."""
        sieve = _Sieve(self._sources.read_file(path, options), path.name, progress)
        rows = (Row(row.line, row.messages, row.meta) for row in sieve.rows())
        changes = (RowChange(base.row_count, row, is_new=True) for row in rows)
        summary = f"{{rows}} of {path.name} appended"
        session = self._sessions.change(base, changes, summary, progress=progress)
        return sieve.report(session)

    def duplicate(self, base: Session, name: str = "") -> Session:
        return self._sessions.duplicate(base, self.free_name(name.strip() or base.name))

    @elsewhere_if(lambda _, given: is_long_file(given["path"]))
    def take_file(
        self,
        path: Path,
        target: Path,
        document_column: str | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Write a file's rows as a run reads them; see `row_files.take_file`."""
        take_file(self._sources, path, target, document_column, progress)

    def is_for_the_trainer(self, path: Path, document_column: str | None = None) -> bool:
        """Whether a run reads a file as it is; else `take_file` converts it."""
        return is_for_the_trainer(self._sources, path, document_column)

    def rename(self, session_id: SessionId, name: str) -> Session:
        if not name.strip():
            raise StudioError("A session needs a name.", "Type one and save again.")
        return self._sessions.rename(session_id, name.strip())

    def tag(self, session_id: SessionId, tags: Sequence[str]) -> Session:
        """Give a session these tags in the place of those it has; blank ones do not count."""
        return self._sessions.tag(session_id, [word for tag in tags if (word := " ".join(tag.split()))])

    def delete(self, session_id: SessionId, *, at_once: bool = False) -> None:
        """Delete a session; for `KEPT_DELETED` it can be brought back, unless `at_once`.

        Runs keep their own snapshot of the rows they saw.
        """
        if at_once:
            self._sessions.delete(session_id)
        else:
            self._sessions.hide(session_id)

    def deleted(self) -> Sequence[Session]:
        """What can still be brought back, last deleted first."""
        return self._sessions.deleted()

    def find_deleted(self, name_or_id: str) -> Session:
        return self._sessions.find(name_or_id, deleted=True)

    def undelete(self, session_id: SessionId) -> Session:
        return self._sessions.undelete(session_id)

    def tidy(self) -> int:
        """Remove for good what was deleted long ago; returns how many sessions."""
        return self._sessions.purge(datetime.now(UTC) - KEPT_DELETED)

    def _import(
        self,
        reading: Reading,
        name: str,
        source: str,
        shown: str,
        progress: Progress | None,
    ) -> ImportReport:
        sieve = _Sieve(reading, shown, progress)
        session = self._sessions.add(self.free_name(name.strip() or shown), source, sieve.rows())
        log.info("Session %s: %d rows, %d refused", session.id, session.row_count, sieve.refused_count)
        return sieve.report(session)

    def free_name(self, name: str) -> str:
        """`name`, with a number if a session has it already."""
        taken = {session.name for session in self._sessions.all()}
        if name not in taken:
            return name
        return next(free for n in range(2, len(taken) + 3) if (free := f"{name} ({n})") not in taken)


class _Sieve:
    """Lets rows through and keeps account of those that are refused."""

    def __init__(self, reading: Reading, shown: str, progress: Progress | None) -> None:
        self._found = iter(reading)
        self._reading = reading
        self._unit = reading.unit
        self._shown = shown
        self._progress = progress
        self.total = 0
        self.refused_count = 0
        self.refused: list[RefusedRow] = []

    def rows(self) -> Iterator[Row | ReadyRow]:
        """Raises ImportFailedError at the end if nothing came through, which undoes the session."""
        if self._progress is not None:
            self._progress(0)
        for item in self._found:
            self.total += 1
            if self._progress is not None and self.total % 500 == 0:
                self._progress(self.total)
            if not isinstance(item, Refused):
                yield item
                continue
            self.refused_count += 1
            if len(self.refused) < _REFUSED_KEPT:
                self.refused.append(RefusedRow(item.line, clipped(item.reason)))
        if self.total == 0:
            raise ImportFailedError(f"{self._shown} is empty.", "Choose a file with rows or text in it.")
        if self.total == self.refused_count:
            first = self.refused[0]
            raise ImportFailedError(
                f"No row of {self._shown} can be used: {self._unit} {first.source_line}: {first.reason}.",
                _NO_PASSAGE if self._unit == "passage" else _NO_ROW,
            )

    def report(self, session: Session) -> ImportReport:
        """At the end."""
        return ImportReport(
            session,
            self.total,
            self.refused_count,
            tuple(self.refused),
            self._unit,
            tuple(self._reading.notes),
        )


def _stem(path: Path) -> str:
    """A file's name without its endings; a folder's name."""
    name = path.absolute().name
    return name if path.is_dir() else Path(name.removesuffix(".gz").removesuffix(".zst")).stem


def _first_question(line: bytes) -> str | None:
    """Empty for a document, None for what is no row."""
    try:
        messages = to_messages(json.loads(line))
    except (RowError, ValueError, RecursionError):
        return None
    return next((str(m["content"]) for m in messages if m["role"] == "user"), "")


def random_prompts(path: Path, count: int, *, seed: int | None = None) -> list[str]:
    """First questions of `count` random rows of a JSONL file, of any known format; one pass, flat memory.

    Reservoir sampling (Vitter 1985, algorithm R). A missing file gives none.
    """
    chosen: list[str] = []
    dice = random.Random(seed)  # noqa: S311 - not for secrets
    try:
        with path.open("rb") as file:
            seen = 0
            for line in file:
                slot = seen if seen < count else dice.randint(0, seen)
                if slot < count:  # only these are read: most lines of a large file never are
                    prompt = _first_question(line)
                    if prompt is None:
                        continue
                    chosen[slot : slot + 1] = [prompt]
                seen += 1
    except OSError:
        return []
    dice.shuffle(chosen)
    return [prompt for prompt in chosen if prompt]
