"""A row's messages as one line of JSON text, and the hashes that name rows and sessions exactly."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from app.domain.sessions import Message

# Default separators and key order as given: a chat template may render tool calls in just that order.
_READABLE: Final = json.JSONEncoder(ensure_ascii=False, check_circular=False)
_ESCAPED: Final = json.JSONEncoder(ensure_ascii=True, check_circular=False)


def to_text(messages: Sequence[Message]) -> str:
    """JSON that UTF-8 can hold; a row with half a surrogate pair (a cut emoji) is escaped throughout."""
    return _encoded(messages)


def from_text(text: str) -> tuple[Message, ...]:
    messages: list[dict[str, Any]] = json.loads(text)
    return tuple(messages)


def meta_to_text(meta: Mapping[str, Any]) -> str:
    """JSON; empty for a row of which nothing else is known."""
    return _encoded(dict(meta)) if meta else ""


def meta_from_text(text: str) -> Mapping[str, Any]:
    meta: dict[str, Any] = json.loads(text) if text else {}
    return meta


def row_hash(text: str) -> bytes:
    """SHA-256 of a row's text."""
    return hashlib.sha256(text.encode()).digest()


class ContentHash:
    """SHA-256 over a session as its exported file has it: a line {"messages": ...} a row."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256()

    def add(self, text: str) -> None:
        self.add_encoded(text.encode())

    def add_encoded(self, encoded: bytes) -> None:
        """The next row's text, in UTF-8."""
        self._sha.update(b'{"messages": %s}\n' % encoded)

    def hexdigest(self) -> str:
        return self._sha.hexdigest()

    def copy(self) -> "ContentHash":
        """One that goes on from here by itself."""
        twin = ContentHash()
        twin._sha = self._sha.copy()
        return twin


def _encoded(value: Any) -> str:
    text = _READABLE.encode(value)
    return text if _fits_utf8(text) else _ESCAPED.encode(value)


def _fits_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
