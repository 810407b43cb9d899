"""What can be changed in many rows at once."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.sessions import Message


@dataclass(frozen=True)
class Replacement:
    """`find` becomes `put` wherever a message says it."""

    find: str
    put: str
    match_case: bool = True
    role: str = ""
    """Only in messages of this role; empty for all."""

    def apply(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        return tuple(
            {**m, "content": self._in(m["content"])} if self.role in ("", m["role"]) else m for m in messages
        )

    def _in(self, text: str) -> str:
        if self.match_case:
            return text.replace(self.find, self.put)
        return re.sub(re.escape(self.find), lambda _: self.put, text, flags=re.IGNORECASE)


@dataclass(frozen=True)
class Example:
    """A message before and after."""

    position: int
    before: str
    after: str


@dataclass(frozen=True)
class Preview:
    """What a change of many rows would do."""

    row_count: int
    examples: Sequence[Example]
    """The first few messages that would change."""


def unmasked(messages: Sequence[Message], *, unmask: bool) -> tuple[Message, ...]:
    """With each message but the system's learnt, or answers only; as `trainer_image.rows` keeps the wish."""
    plain = ({key: value for key, value in m.items() if key != "unmask"} for m in messages)
    return tuple({**m, "unmask": True} if unmask and m["role"] != "system" else m for m in plain)
