"""What the services need to keep sessions and to bring rows in and out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from app.domain.finding import Found, RowFilter, SearchState
from app.domain.hub import HubDatasetParts
from app.domain.mapping import ColumnMapping
from app.domain.publishing import PublishWish
from app.domain.reading import Preview, Reading, ReadOptions
from app.domain.ready_rows import ReadyRow
from app.domain.sessions import RowChange, Session, SessionId, SessionRow, SessionVersion, StoredRow
from trainer_image.rows import Refused, Row


class SessionStore(Protocol):
    """Keeps collected datasets."""

    def add(
        self,
        name: str,
        source: str,
        rows: Iterator[Row | ReadyRow],
        *,
        progress: Callable[[int], None] | None = None,
    ) -> Session:
        """Write a session and its rows: all of them or none, flat in memory, without blocking other writers
        for longer than one batch. An exception from `rows` leaves nothing behind."""
        ...

    def add_stored(
        self,
        name: str,
        source: str,
        rows: Iterator[StoredRow],
        *,
        progress: Callable[[int], None] | None = None,
    ) -> Session:
        """The same for rows that come as texts with their hashes, as a merge makes them."""
        ...

    def all(self) -> Sequence[Session]:
        """All sessions, newest first."""
        ...

    def get(self, session_id: SessionId) -> Session:
        """Raises UnknownSessionError."""
        ...

    def find(self, prefix: str, *, deleted: bool = False) -> Session:
        """The one session whose id starts with `prefix`, or whose name is it. Raises UnknownSessionError.

        With `deleted` among those that can be brought back.
        """
        ...

    def rows(
        self,
        session_id: SessionId,
        *,
        start: int = 0,
        limit: int | None = None,
        version: int | None = None,
    ) -> Iterator[SessionRow]:
        """Rows by position, of the newest version or of that one; streamed."""
        ...

    def find_rows(
        self,
        session_id: SessionId,
        wanted: RowFilter,
        *,
        start: int = 0,
        limit: int = 50,
        version: int | None = None,
        tick: Callable[[int], None] | None = None,
    ) -> Found:
        """The first matching rows from the position `start` on. `tick` is told how far it is, and may raise
        to stop."""
        ...

    def search_state(self, session_id: SessionId) -> SearchState: ...

    def make_search_index(self, session_id: SessionId, tick: Callable[[int], None]) -> None:
        """Make searching in a large session quick; may be stopped by `tick` and goes on at the next call."""
        ...

    def versions(self, session_id: SessionId) -> Sequence[SessionVersion]:
        """Newest first."""
        ...

    def change(
        self,
        base: Session,
        changes: Iterable[RowChange],
        summary: str,
        *,
        progress: Callable[[int], None] | None = None,
    ) -> Session:
        """Apply `changes`, ordered by position, to `base`: a new version, all of it or nothing.

        "{rows}" in `summary` stands for how many rows were changed.
        Raises StaleSessionError if `base` is not the newest version any more.
        """
        ...

    def restore(self, base: Session, version: int) -> Session:
        """An older version's rows as a new version. Raises as `change` does."""
        ...

    def append(
        self, base: Session, other: Session, *, progress: Callable[[int], None] | None = None
    ) -> Session:
        """The rows of `other` after those of `base`, as a new version. Raises as `change` does."""
        ...

    def duplicate(self, base: Session, name: str) -> Session: ...

    def rename(self, session_id: SessionId, name: str) -> Session: ...

    def tag(self, session_id: SessionId, tags: Sequence[str]) -> Session:
        """These tags in the place of those it has."""
        ...

    def hide(self, session_id: SessionId) -> None:
        """Delete it in such a way that `undelete` brings it back until `purge`."""
        ...

    def deleted(self) -> Sequence[Session]:
        """What `undelete` can bring back, last deleted first."""
        ...

    def undelete(self, session_id: SessionId) -> Session: ...

    def purge(self, before: datetime) -> int:
        """Remove what was hidden before that moment for good; returns how many sessions."""
        ...

    def delete(self, session_id: SessionId) -> None:
        """Remove it for good, its rows and versions with it."""
        ...


class RowSource(Protocol):
    """Reads rows from outside for an import."""

    def read_file(self, path: Path, options: ReadOptions) -> Reading:
        """What becomes of each row of a file, or of all files in a folder.

        Raises ImportFailedError, at once or while it is read, if there is nothing that can be read.
        """
        ...

    def is_plain_jsonl(self, path: Path) -> bool:
        """Whether it is JSONL in UTF-8, not packed, as the trainer reads it. Raises ImportFailedError."""
        ...

    def preview_file(self, path: Path, count: int, options: ReadOptions) -> Preview:
        """The first `count` rows and the guessed mapping. Raises ImportFailedError."""
        ...

    def read_hub(
        self,
        repo: str,
        split: str,
        config: str | None,
        mapping: ColumnMapping | None = None,
        *,
        token: str | None,
    ) -> Iterator[Row | ReadyRow | Refused]:
        """What becomes of each row of a Hub dataset. Without a mapping it is guessed as for a file.

        Raises ImportFailedError (unknown, gated, no network), at once or while it streams.
        """
        ...

    def preview_hub(
        self, repo: str, split: str, config: str | None, count: int, *, token: str | None
    ) -> Preview:
        """The first `count` rows of a Hub dataset and the guessed mapping. Raises ImportFailedError."""
        ...

    def why_no_hub(self) -> str:
        """Why nothing can be read from the Hub now, as a sentence; empty if it may be asked."""
        ...

    def find_on_hub(self, words: str, *, token: str | None) -> Sequence[str]:
        """Datasets with these words, the most used first. Raises ImportFailedError."""
        ...

    def hub_parts(self, repo: str, *, token: str | None) -> HubDatasetParts:
        """Its configurations and splits. Raises ImportFailedError."""
        ...


class HubPublisher(Protocol):
    """Puts datasets on the Hugging Face Hub."""

    def why_not(self) -> str:
        """Why it cannot now, as a sentence; empty if it can. Asks nobody."""
        ...

    def publish(
        self, data: Path, card: str, wish: PublishWish, *, token: str | None, progress: Callable[[str], None]
    ) -> str:
        """Upload a JSONL file and its card, all or nothing; returns the address. Raises StudioError.

        `progress` may raise to stop.
        """
        ...
