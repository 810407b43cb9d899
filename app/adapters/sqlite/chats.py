"""What was said to which model."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from sqlalchemy import Engine, delete, insert, select
from sqlalchemy.exc import IntegrityError

from app.adapters.sqlite.schema import chats
from app.adapters.sqlite.transactions import reading, writing
from app.domain.chat import ChatTurn, Sampling, Voice, sampling_of
from app.domain.errors import UnknownRunError
from app.domain.runs import RunId


class SqliteChatStore:
    """ChatStore on SQLite."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._engine = engine
        self._clock = clock

    def add(self, run_id: RunId, voice: Voice, prompt: str, answer: str, sampling: Sampling) -> ChatTurn:
        """Raises UnknownRunError."""
        values = {
            "run_id": run_id,
            "voice": voice,
            "prompt": prompt,
            "answer": answer,
            "sampling": json.dumps(asdict(sampling)),
            "created_at": self._clock(),
        }
        try:
            with writing(self._engine) as connection:
                record = connection.execute(insert(chats).returning(*chats.c), values).mappings().one()
        except IntegrityError as error:
            raise UnknownRunError(f"There is no run {run_id}.", "It may have been deleted.") from error
        return _turn(**record)

    def turns(self, run_id: RunId) -> Sequence[ChatTurn]:
        query = select(chats).where(chats.c.run_id == run_id).order_by(chats.c.id)
        with reading(self._engine) as connection:
            return [_turn(**record) for record in connection.execute(query).mappings()]

    def clear(self, run_id: RunId) -> None:
        with writing(self._engine) as connection:
            connection.execute(delete(chats).where(chats.c.run_id == run_id))


def _turn(
    *, id: int, run_id: RunId, voice: Voice, prompt: str, answer: str, sampling: str, created_at: datetime
) -> ChatTurn:
    return ChatTurn(id, run_id, voice, prompt, answer, sampling_of(json.loads(sampling)), created_at)
