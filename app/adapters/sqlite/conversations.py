"""Conversations, message by message."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, delete, exists, insert, or_, select, update

from app.adapters.sqlite.schema import conversation_messages as messages
from app.adapters.sqlite.schema import conversations
from app.adapters.sqlite.transactions import reading, writing
from app.domain.chat import AnswerFacts, Sampling, sampling_of
from app.domain.conversations import Conversation, ConversationId, Rating, Role, Said
from app.domain.errors import UnknownConversationError


class SqliteConversationStore:
    """ConversationStore on SQLite."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._engine = engine
        self._clock = clock

    def add(self, name: str, model: str, model_label: str, system: str, sampling: Sampling) -> Conversation:
        now = self._clock()
        values = {
            "name": name,
            "model": model,
            "model_label": model_label,
            "system": system,
            "sampling": json.dumps(asdict(sampling)),
            "created_at": now,
            "updated_at": now,
        }
        with writing(self._engine) as connection:
            query = insert(conversations).returning(*conversations.c)
            return _conversation(connection.execute(query, values).mappings().one())

    def get(self, conversation_id: ConversationId) -> Conversation:
        with reading(self._engine) as connection:
            return _get(connection, conversation_id)

    def update(self, conversation: Conversation) -> Conversation:
        values = {
            "name": conversation.name,
            "model": conversation.model,
            "model_label": conversation.model_label,
            "system": conversation.system,
            "sampling": json.dumps(asdict(conversation.sampling)),
        }
        return self._change(conversation.id, values)

    def find(self, words: str = "", *, deleted: bool = False) -> Sequence[Conversation]:
        query = select(conversations).where(
            conversations.c.deleted_at.is_not(None) if deleted else conversations.c.deleted_at.is_(None)
        )
        for word in words.split():
            said = exists().where(
                messages.c.conversation_id == conversations.c.id,
                messages.c.content.icontains(word, autoescape=True),
            )
            query = query.where(
                or_(
                    conversations.c.name.icontains(word, autoescape=True),
                    conversations.c.model_label.icontains(word, autoescape=True),
                    said,
                )
            )
        order = (conversations.c.updated_at.desc(), conversations.c.id.desc())
        with reading(self._engine) as connection:
            return [_conversation(record) for record in connection.execute(query.order_by(*order)).mappings()]

    def messages(self, conversation_id: ConversationId) -> Sequence[Said]:
        query = select(messages).where(messages.c.conversation_id == conversation_id).order_by(messages.c.id)
        with reading(self._engine) as connection:
            return [_said(record) for record in connection.execute(query).mappings()]

    def say(
        self,
        conversation_id: ConversationId,
        role: Role,
        content: str,
        *,
        model_label: str = "",
        facts: AnswerFacts | None = None,
    ) -> Said:
        now = self._clock()
        values = {
            "conversation_id": conversation_id,
            "role": role,
            "content": content,
            "model_label": model_label,
            "rating": 0,
            "facts": json.dumps(asdict(facts)) if facts else "",
            "created_at": now,
        }
        with writing(self._engine) as connection:
            _get(connection, conversation_id)
            _touch(connection, conversation_id, now)
            query = insert(messages).returning(*messages.c)
            return _said(connection.execute(query, values).mappings().one())

    def take_back(self, conversation_id: ConversationId, message_id: int) -> None:
        with writing(self._engine) as connection:
            _touch(connection, conversation_id, self._clock())
            connection.execute(
                delete(messages).where(
                    messages.c.conversation_id == conversation_id, messages.c.id >= message_id
                )
            )

    def rewrite(self, conversation_id: ConversationId, message_id: int, said: Sequence[Said]) -> None:
        with writing(self._engine) as connection:
            _get(connection, conversation_id)
            _touch(connection, conversation_id, self._clock())
            connection.execute(
                delete(messages).where(
                    messages.c.conversation_id == conversation_id, messages.c.id >= message_id
                )
            )
            for one in said:
                values = {**vars(one), "facts": json.dumps(asdict(one.facts)) if one.facts else ""}
                if not one.id:
                    del values["id"]
                connection.execute(insert(messages).values(conversation_id=conversation_id, **values))

    def edit(self, message_id: int, content: str) -> None:
        query = select(messages).where(messages.c.id == message_id)
        with writing(self._engine) as connection:
            record = connection.execute(query).mappings().one_or_none()
            if record is None:
                raise UnknownConversationError("This message is gone.", "Another window may have removed it.")
            said = _said(record)
            original = said.original if said.original is not None else said.content
            values: dict[str, object] = {"content": content}
            if said.role == "assistant":
                values["original"] = None if content == original else original
            connection.execute(update(messages).where(messages.c.id == message_id).values(values))

    def rate(self, message_id: int, rating: Rating) -> None:
        with writing(self._engine) as connection:
            connection.execute(update(messages).where(messages.c.id == message_id).values(rating=rating))

    def hide(self, conversation_id: ConversationId) -> None:
        self._change(conversation_id, {"deleted_at": self._clock()})

    def undelete(self, conversation_id: ConversationId) -> Conversation:
        return self._change(conversation_id, {"deleted_at": None})

    def purge(self, before: datetime) -> int:
        old = select(conversations.c.id).where(conversations.c.deleted_at < before)
        with writing(self._engine) as connection:
            ids = [row[0] for row in connection.execute(old)]
            connection.execute(delete(messages).where(messages.c.conversation_id.in_(ids)))
            connection.execute(delete(conversations).where(conversations.c.id.in_(ids)))
        return len(ids)

    def _change(self, conversation_id: ConversationId, values: dict[str, Any]) -> Conversation:
        with writing(self._engine) as connection:
            connection.execute(
                update(conversations).where(conversations.c.id == conversation_id).values(values)
            )
            return _get(connection, conversation_id)


def _get(connection: Connection, conversation_id: ConversationId) -> Conversation:
    query = select(conversations).where(conversations.c.id == conversation_id)
    record = connection.execute(query).mappings().one_or_none()
    if record is None:
        raise UnknownConversationError("This conversation is gone.", "It may have been deleted.")
    return _conversation(record)


def _touch(connection: Connection, conversation_id: ConversationId, now: datetime) -> None:
    query = update(conversations).where(conversations.c.id == conversation_id)
    connection.execute(query.values(updated_at=now))


def _conversation(record: Any) -> Conversation:
    return Conversation(**{**record, "sampling": sampling_of(json.loads(record["sampling"]))})


def _said(record: Any) -> Said:
    facts = AnswerFacts(**json.loads(record["facts"])) if record["facts"] else None
    kept = {key: value for key, value in record.items() if key != "conversation_id"}
    return Said(**{**kept, "facts": facts})
