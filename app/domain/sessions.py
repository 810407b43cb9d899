"""Sessions: datasets a user collected, and what became of each row on the way in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NewType

from trainer_image.rows import Row

SessionId = NewType("SessionId", str)

Message = dict[str, Any]
"""A chat message as `trainer_image.rows` makes it: role, content, perhaps tool calls."""


@dataclass(frozen=True)
class Session:
    """A named set of rows. Any change of them is a new version; `content_hash` names its rows exactly."""

    id: SessionId
    name: str
    source: str
    """Where it came from, for people: a file name, a Hub repository, "Bundled sample"."""
    row_count: int
    created_at: datetime
    content_hash: str
    """SHA-256 over the rows as exported, hex."""
    version: int = 1
    """Counts the changes of its rows; older ones stay readable."""
    tags: tuple[str, ...] = ()
    """In alphabetical order."""
    deleted_at: datetime | None = None
    """Set for a session that was deleted and can still be brought back."""


@dataclass(frozen=True)
class SessionRow:
    position: int
    """Place in the session, from 0, without gaps."""
    source_line: int
    """Line in the file it came from, from 1; 0 for a row that was typed in."""
    messages: tuple[Message, ...]
    meta: Mapping[str, Any] = field(default_factory=dict)
    """As in `trainer_image.rows.Row`; not part of `Session.content_hash`."""


StoredRow = tuple[int, str, bytes, str]
"""A row as the store keeps it, for what passes millions on without looking into them: line in its source,
messages as JSON text, SHA-256 of that text, meta as JSON text or empty."""


@dataclass(frozen=True)
class SessionVersion:
    """One state of a session's rows."""

    version: int
    row_count: int
    content_hash: str
    created_at: datetime
    summary: str
    """What was done to the version before it, in half a sentence."""


@dataclass(frozen=True)
class RowChange:
    """What becomes of one row of a version.

    `row` takes the place of the row at `position`, or stands before it if `is_new`; None removes it. A new
    row for the end has the number of rows as its position.
    """

    position: int
    row: Row | None
    is_new: bool = False


class ExportFormat(StrEnum):
    JSONL = "jsonl"
    PARQUET = "parquet"
    CSV = "csv"


@dataclass(frozen=True)
class RefusedRow:
    source_line: int
    reason: str


@dataclass(frozen=True)
class ImportReport:
    """What an import did: every line of the source is either in the session or refused with its reason."""

    session: Session
    total: int
    """Lines (rows) in the source that were not blank."""
    refused_count: int
    refused: Sequence[RefusedRow]
    """The first thousand refused rows."""
    unit: str = "line"
    """What `RefusedRow.source_line` counts: a line, a row, a passage."""
    notes: Sequence[str] = ()
    """Sentences on how the source was read: its encoding, what was left out."""

    @property
    def accepted_count(self) -> int:
        return self.total - self.refused_count
