"""Conversations of several turns with any model, and what of them is worth learning from."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from typing import Literal, NewType, Protocol

from app.domain.chat import AnswerFacts, Sampling
from app.domain.sessions import Message

ConversationId = NewType("ConversationId", int)
Role = Literal["user", "assistant"]
Rating = Literal[-1, 0, 1]


class ChatFormat(StrEnum):
    TEXT = "txt"
    MARKDOWN = "md"
    JSONL = "jsonl"
    """Rows that can be a session again."""


@dataclass(frozen=True)
class Conversation:
    id: ConversationId
    name: str
    model: str
    """The `ModelRef` it goes on with, as text."""
    model_label: str
    system: str
    """What the model is told before everything else; may be empty."""
    sampling: Sampling
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None
    """Set for one that was deleted and can still be brought back."""


@dataclass(frozen=True)
class Said:
    """One message."""

    id: int
    role: Role
    content: str
    created_at: datetime
    model_label: str = ""
    """Who answered; empty for a person."""
    rating: Rating = 0
    original: str | None = None
    """What the model said, where a person has put something better in its place."""
    facts: AnswerFacts | None = None

    @property
    def is_worth_learning(self) -> bool:
        return self.role == "assistant" and (
            self.rating == 1 or (self.original is not None and self.rating == 0)
        )

    @property
    def is_learnable(self) -> bool:
        """Also where nobody marked it: an answer that is whole."""
        is_whole = self.facts is not None and self.facts.is_whole
        return self.is_worth_learning or (self.role == "assistant" and self.rating == 0 and is_whole)


class ConversationStore(Protocol):
    """Keeps conversations. Raises UnknownConversationError for an id that is gone."""

    def add(
        self, name: str, model: str, model_label: str, system: str, sampling: Sampling
    ) -> Conversation: ...

    def get(self, conversation_id: ConversationId) -> Conversation: ...

    def update(self, conversation: Conversation) -> Conversation:
        """Write its name, model, system and sampling; returns what is stored."""
        ...

    def find(self, words: str = "", *, deleted: bool = False) -> Sequence[Conversation]:
        """Those with all these words in the name or in what was said, last used first."""
        ...

    def messages(self, conversation_id: ConversationId) -> Sequence[Said]:
        """Oldest first."""
        ...

    def say(
        self,
        conversation_id: ConversationId,
        role: Role,
        content: str,
        *,
        model_label: str = "",
        facts: AnswerFacts | None = None,
    ) -> Said:
        """Append a message."""
        ...

    def take_back(self, conversation_id: ConversationId, message_id: int) -> None:
        """Forget this message and all after it."""
        ...

    def rewrite(self, conversation_id: ConversationId, message_id: int, said: Sequence[Said]) -> None:
        """Put these in the place of this message and all after it, at once. One of id 0 is given one that is
        higher than any there is: none with an id may follow it."""
        ...

    def edit(self, message_id: int, content: str) -> None:
        """Put other words in its place; what a model said is kept as its original."""
        ...

    def rate(self, message_id: int, rating: Rating) -> None: ...

    def hide(self, conversation_id: ConversationId) -> None:
        """Delete it in such a way that `undelete` brings it back until `purge`."""
        ...

    def undelete(self, conversation_id: ConversationId) -> Conversation: ...

    def purge(self, before: datetime) -> int:
        """Remove what was hidden before that moment for good; returns how many."""
        ...


def as_messages(system: str, said: Sequence[Said]) -> list[Message]:
    """What a model is given. Questions that were never answered are one with the next: all that stands in the
    chat is read, and question and answer alternate, without which Gemma and Mistral refuse it."""
    head = [{"role": "system", "content": system}] if system.strip() else []
    said = [_joined(list(turn)) for _, turn in groupby(said, lambda one: one.role)]
    return [*head, *({"role": one.role, "content": one.content} for one in said)]


def _joined(turn: Sequence[Said]) -> Said:
    return replace(turn[0], content="\n\n".join(one.content for one in turn))


def training_rows(conversation: Conversation, said: Sequence[Said]) -> Iterator[list[Message]]:
    """A row for each answer a person liked or put right, with all that its model was told before it; where
    nothing was marked, the whole chat, and each prompt that was asked alone.

    Nothing is learnt from an answer that was disliked or did not come to its end: it has weight 0.
    """
    alone = {at for at in range(len(said)) if _is_alone(said, at)}
    ends = [at for at, one in enumerate(said) if one.is_worth_learning]
    if not ends and not any(one.rating for one in said):
        whole = [at for at, one in enumerate(said) if one.is_learnable]
        ends = [at for at in whole if at in alone] + [at for at in whole if at not in alone][-1:]
    for at in ends:
        if at in alone:
            yield _row(conversation.system, said[max(at - 1, 0) : at + 1], {said[at].id})
        else:
            learnt = {one.id for i, one in enumerate(said) if one.is_learnable and i not in alone}
            yield _row(conversation.system, said[: at + 1], learnt)


def _row(system: str, said: Sequence[Said], learnt: AbstractSet[int]) -> list[Message]:
    row = as_messages(system, [])
    for role, turn in groupby(said, lambda one: one.role):
        several = list(turn)
        row += as_messages("", several)
        if role == "assistant" and not {one.id for one in several} <= learnt:
            row[-1]["weight"] = 0
    return row


def _is_alone(said: Sequence[Said], at: int) -> bool:
    """Of an answer of which nothing is known, as the others of the chat."""
    if said[at].role == "user":
        return False
    facts = said[at].facts
    return facts.alone if facts else any(one.facts is not None and one.facts.alone for one in said)


def as_text(conversation: Conversation, said: Sequence[Said]) -> str:
    lines = [conversation.name, f"Model: {conversation.model_label}"]
    if conversation.system.strip():
        lines.append(f"System prompt: {conversation.system}")
    for one in said:
        who = "You" if one.role == "user" else one.model_label
        lines.append(f"\n--- {one.created_at:%Y-%m-%d %H:%M:%S} UTC\n{who}: {one.content}")
    return "\n".join(lines) + "\n"


def as_markdown(conversation: Conversation, said: Sequence[Said]) -> str:
    lines = [f"# {conversation.name}", f"Model: {conversation.model_label}"]
    if conversation.system.strip():
        lines.append("> " + conversation.system.replace("\n", "\n> "))
    for one in said:
        who = "You" if one.role == "user" else one.model_label
        lines.append(f"## {who}\n\n{one.content}")
    return "\n\n".join(lines) + "\n"
