"""Sessions: datasets a user collected, and what became of each row on the way in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NewType

SessionId = NewType("SessionId", str)

Message = dict[str, Any]
"""A chat message as `trainer_image.rows` makes it: role, content, perhaps tool calls."""


@dataclass(frozen=True)
class Session:
    """A named set of rows. Its rows never change once a run used it; `content_hash` names them exactly."""

    id: SessionId
    name: str
    source: str
    """Where it came from, for people: a file name, a Hub repository, "Bundled sample"."""
    row_count: int
    created_at: datetime
    content_hash: str
    """SHA-256 over the rows as exported, hex."""


@dataclass(frozen=True)
class SessionRow:
    position: int
    """Place in the session, from 0, without gaps."""
    source_line: int
    """Line in the file it came from, from 1."""
    messages: tuple[Message, ...]
    meta: Mapping[str, Any] = field(default_factory=dict)
    """As in `trainer_image.rows.Row`; not part of `Session.content_hash`."""


StoredRow = tuple[int, str, bytes, str]
"""A row as the store keeps it, for what passes millions on without looking into them: line in its source,
messages as JSON text, SHA-256 of that text, meta as JSON text or empty."""


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
