"""What merging needs from the outside world. Implemented in `app.adapters`."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.domain.merging import Ledger, MergeId, MergeProgress, MergeRecipe, MergeResult, SavedMerge
from app.domain.ready_rows import ReadyRow
from app.domain.sessions import Session, SessionRow, StoredRow
from trainer_image.rows import Refused, Row

Watch = Callable[[MergeProgress], None]
"""Told how far a merge is; raises MergeCancelledError to stop it."""


@dataclass(frozen=True)
class MergeInput:
    """One source, opened: a session in the store, or rows from outside."""

    label: str
    version: str
    session: Session | None = None
    rows: Iterator[Row | ReadyRow | Refused] | None = None


class WorkedOut(Protocol):
    """A merge whose result is known and not yet written."""

    @property
    def ledger(self) -> Ledger: ...

    def head(self, limit: int) -> Sequence[SessionRow]:
        """The first rows of the result."""
        ...

    def rows(self) -> Iterator[StoredRow]:
        """All of it, in order, streamed. Raises MergeError if a source changed meanwhile."""
        ...


class MergeEngine(Protocol):
    """Merges out of core: memory does not grow with the rows."""

    def work_out(
        self, recipe: MergeRecipe, inputs: Sequence[MergeInput], held_out: Session | None, watch: Watch
    ) -> AbstractContextManager[WorkedOut]:
        """Nothing is written but a working file, which is gone at the end. Raises MergeError."""
        ...


class MergeStore(Protocol):
    """Keeps recipes and what became of them."""

    def save(self, recipe: MergeRecipe, merge_id: MergeId | None = None) -> SavedMerge:
        """Insert, or replace that one's recipe. Raises UnknownMergeError."""
        ...

    def note_result(self, merge_id: MergeId, result: MergeResult) -> SavedMerge: ...

    def all(self) -> Sequence[SavedMerge]:
        """Newest first."""
        ...

    def find(self, prefix: str) -> SavedMerge:
        """By id, name, or the start of an id. Raises UnknownMergeError."""
        ...

    def delete(self, merge_id: MergeId) -> None: ...


class RowWriter(Protocol):
    """Writes rows to a file, which appears whole or not at all."""

    def write(self, path: Path, rows: Iterator[StoredRow]) -> int:
        """JSONL or Parquet by the name's ending; returns how many. Raises StudioError."""
        ...
