"""A row whose text is known already, as it is kept: plain chats pass from file to database like that."""

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from trainer_image.rows import Message

_NOTHING: Final[Mapping[str, Any]] = {}


class ReadyRow(NamedTuple):
    """Stands for a `trainer_image.rows.Row` without meta."""

    line: int
    text: str
    """Its messages as JSON, letter by letter as `json.dumps(messages, ensure_ascii=False)` writes them."""

    @property
    def messages(self) -> tuple[Message, ...]:
        return tuple(json.loads(self.text))

    @property
    def meta(self) -> Mapping[str, Any]:
        return _NOTHING
