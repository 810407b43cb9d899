"""Which sessions, and which rows of one, somebody looks for."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.domain.sessions import Message, Session, SessionRow

ORIGINS: Final = ("file", "url", "session", "author", "license")
"""Keys of a row's `meta` that say where it is from."""
_SPOKEN: Final = ("content", "reasoning_content", "thinking")


@dataclass(frozen=True)
class RowFilter:
    """All that is set must hold."""

    text: str = ""
    """Part of what any message says, its reasoning and tool calls included; capitals do not count."""
    role: str = ""
    """Some message has this role."""
    has_tool_calls: bool | None = None
    unmask: bool | None = None
    """Whether the row is learnt whole, not its answers only."""
    min_characters: int | None = None
    max_characters: int | None = None
    """Of all that its messages say."""
    source: str = ""
    """Part of where the row is from."""

    @property
    def is_empty(self) -> bool:
        return self == RowFilter()

    def matches(self, messages: Sequence[Message], meta: Mapping[str, Any]) -> bool:
        return (
            (not self.role or any(m["role"] == self.role for m in messages))
            and self.has_tool_calls in (None, any(m.get("tool_calls") for m in messages))
            and self.unmask in (None, is_unmasked(messages))
            and self._fits(messages)
            and (not self.source or self._is_from(meta))
            and (not self.text or self.text.lower() in searchable(messages).lower())
        )

    def _fits(self, messages: Sequence[Message]) -> bool:
        if self.min_characters is None and self.max_characters is None:
            return True
        length = characters(messages)
        return (self.min_characters or 0) <= length and (
            self.max_characters is None or length <= self.max_characters
        )

    def _is_from(self, meta: Mapping[str, Any]) -> bool:
        return any(self.source.lower() in str(meta[key]).lower() for key in ORIGINS if key in meta)


@dataclass(frozen=True)
class Found:
    """Rows that match, as far as was looked."""

    rows: Sequence[SessionRow]
    next_start: int | None
    """Where to look on; None if there is nothing more."""


@dataclass(frozen=True)
class SearchState:
    """How far the index of a session is. Searching works without one; in a large session it takes longer."""

    indexed: int
    total: int
    problem: str = ""
    """Why there will be none."""

    @property
    def is_ready(self) -> bool:
        return self.indexed >= self.total


def is_wanted(session: Session, text: str, tag: str) -> bool:
    """Whether a session has `text` in its name, source or tags, and the tag; empty asks for nothing."""
    words = text.strip().lower()
    said = [session.name, session.source, *session.tags]
    return any(words in one.lower() for one in said) and (not tag or tag in session.tags)


def searchable(messages: Sequence[Message]) -> str:
    """All that a row says, a line for each piece. The index is made of the same (`session_search`)."""
    pieces = [str(m[key]) for m in messages for key in _SPOKEN if m.get(key)]
    calls = [
        json.dumps(m["tool_calls"], ensure_ascii=False, separators=(",", ":"))
        for m in messages
        if m.get("tool_calls")
    ]
    return "\n".join(pieces + calls)


def characters(messages: Sequence[Message]) -> int:
    return sum(len(m["content"]) for m in messages)


def is_unmasked(messages: Sequence[Message]) -> bool:
    """Whether every message but the system's is to be learnt: `unmask` of a row in `trainer_image.rows`."""
    spoken = [m for m in messages if m["role"] != "system"]
    return bool(spoken) and all(m.get("unmask") for m in spoken)
