"""Talk to any model over several turns; what was said is kept, found again, and can be learnt from."""

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from app.domain.chat import AnswerFacts, IsWanted, Sampling, always, has_words, require_words
from app.domain.conversations import (
    ChatFormat,
    Conversation,
    ConversationId,
    ConversationStore,
    Rating,
    Said,
    as_markdown,
    as_messages,
    as_text,
    training_rows,
)
from app.domain.errors import BusyError, EngineError, StudioError, UnknownConversationError
from app.domain.ports import InferenceEngine
from app.domain.sessions import Message, Session
from app.domain.talkers import AUTOMATIC, ModelRef, Placing
from app.services.library import LibraryService
from app.services.row_files import appearing
from app.services.talkers import TalkerService

KEPT_DELETED: Final = timedelta(days=7)
LONGEST_NAME: Final = 100
_NAME_FROM_PROMPT: Final = 60


class ConversationService:
    """Blocking: the UI calls it off the event loop."""

    def __init__(
        self,
        store: ConversationStore,
        talkers: TalkerService,
        engine: InferenceEngine,
        library: LibraryService,
        *,
        exports: Path,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._talkers = talkers
        self._engine = engine
        self._library = library
        self._exports = exports
        self._clock = clock

    def find(self, words: str = "") -> Sequence[Conversation]:
        """Those with these words in name, model or text; last used first."""
        return self._store.find(words)

    def deleted(self) -> Sequence[Conversation]:
        """What can still be brought back."""
        return self._store.find(deleted=True)

    def named(self, name_or_id: str) -> Conversation:
        """By its id, or a name that no other has. Raises StudioError."""
        everyone = self._store.find()
        found = [one for one in everyone if str(one.id) == name_or_id]
        found = found or [one for one in everyone if one.name == name_or_id]
        if not found:
            raise UnknownConversationError(
                f"There is no chat '{name_or_id}'.", "`tunewright chats list` shows them."
            )
        if len(found) > 1:
            ids = ", ".join(str(one.id) for one in found)
            raise StudioError(f"{len(found)} chats are called '{name_or_id}'.", f"Name one by its id: {ids}.")
        return found[0]

    def get(self, conversation_id: ConversationId) -> Conversation:
        return self._store.get(conversation_id)

    def living(self, conversation_id: ConversationId) -> Conversation:
        """One that can be gone on with. Raises UnknownConversationError for one that is deleted, though it
        may be brought back: what is said in it nobody would see again."""
        kept = self._store.get(conversation_id)
        if kept.deleted_at is not None:
            raise UnknownConversationError("This chat was deleted meanwhile.", "Begin a new one.")
        return kept

    def messages(self, conversation_id: ConversationId) -> Sequence[Said]:
        return self._store.messages(conversation_id)

    def missing(self, conversation_id: ConversationId) -> str:
        """Why the model that a chat goes on with cannot be asked here now, as a sentence; empty if it can."""
        try:
            self._talkers.resolve(ModelRef.parse(self._store.get(conversation_id).model))
        except EngineError as error:
            return error.message
        return ""

    def label_of(self, model: ModelRef) -> str:
        """For people. Raises EngineError if there is no such model."""
        return self._talkers.resolve(model).label

    def begin(self, model: ModelRef, sampling: Sampling, *, system: str = "", name: str = "") -> Conversation:
        """A new, empty one. Raises EngineError if there is no such model."""
        label = self._talkers.resolve(model).label
        return self._store.add(name, str(model), label, system, sampling)

    def go_on_with(self, conversation_id: ConversationId, model: ModelRef) -> Conversation:
        """Another model answers from now on."""
        label = self._talkers.resolve(model).label
        kept = self.living(conversation_id)
        return self._store.update(replace(kept, model=str(model), model_label=label))

    def instruct(self, conversation_id: ConversationId, system: str) -> Conversation:
        """Set the system prompt."""
        return self._store.update(replace(self.living(conversation_id), system=system))

    def ask(
        self,
        conversation_id: ConversationId,
        text: str,
        sampling: Sampling,
        placing: Placing = AUTOMATIC,
        *,
        alone: bool = False,
        is_wanted: IsWanted = always,
    ) -> Iterator[str]:
        """Say something and yield the answer in pieces; both are kept, a half answer too.

        With `alone` the model is not told what was said before. An answer that is not wanted any more when it
        should begin is none: what was said stays.
        Raises EngineError (SilentAnswerError for an answer without a word) or StudioError; then what was said
        stays, without an answer. Not with a BusyError: nothing was said then, nor in a chat that was
        deleted (UnknownConversationError).
        """
        if not text.strip():
            raise StudioError("The message is empty.", "Type something first.")
        kept = self.living(conversation_id)
        if not kept.name:
            self._store.update(replace(kept, name=_name_from(text)))
        said = self._store.say(conversation_id, "user", text)
        try:
            yield from self._answer(conversation_id, sampling, placing, alone=alone, is_wanted=is_wanted)
        except BusyError:
            self._store.take_back(conversation_id, said.id)
            if not kept.name:
                self._store.update(replace(self._store.get(conversation_id), name=""))
            raise

    def answer_again(
        self,
        conversation_id: ConversationId,
        sampling: Sampling,
        placing: Placing = AUTOMATIC,
        *,
        alone: bool = False,
        is_wanted: IsWanted = always,
    ) -> Iterator[str]:
        """Another answer in the place of the last one; or one, where there is none yet.

        The last one stays until there is something in its place.
        """
        said = self._store.messages(conversation_id)
        last = said[-1].id if said and said[-1].role == "assistant" else None
        yield from self._answer(
            conversation_id, sampling, placing, alone=alone, is_wanted=is_wanted, instead_of=last
        )

    def ask_instead(
        self,
        conversation_id: ConversationId,
        message_id: int,
        text: str,
        sampling: Sampling,
        placing: Placing = AUTOMATIC,
        *,
        alone: bool = False,
        is_wanted: IsWanted = always,
    ) -> Iterator[str]:
        """Say this in the place of an earlier question and yield the answer.

        What was said before, and all that followed it, stays until there is an answer in its place. With
        `alone` only its own answer gives way. Raises as `ask` does; then nothing has changed.
        """
        if not text.strip():
            raise StudioError("A message cannot be empty.", "Type something, or delete the chat.")
        said = self._store.messages(conversation_id)
        at = _place_of(said, message_id)
        question = replace(said[at], content=text)

        def keep(answer: Said) -> None:
            after = (
                [one for one in self._store.messages(conversation_id) if one.id > message_id] if alone else []
            )
            self._store.rewrite(conversation_id, message_id, [question, *_answered_by(answer, after)])

        told = [question] if alone else [*said[:at], question]
        yield from self._told(
            conversation_id, told, sampling, placing, keep, alone=alone, is_wanted=is_wanted
        )

    def restore(self, conversation_id: ConversationId, said: Sequence[Said]) -> None:
        """Have it as it was: what has been said since is forgotten. Raises UnknownConversationError."""
        self.living(conversation_id)
        now = self._store.messages(conversation_id)
        same = 0
        while same < min(len(now), len(said)) and _is_same(now[same], said[same]):
            same += 1
        begin = now[same].id if same < len(now) else now[-1].id + 1 if now else 1
        self._store.rewrite(conversation_id, begin, [replace(one, id=0) for one in said[same:]])

    def edit(self, conversation_id: ConversationId, message_id: int, text: str) -> None:
        """Put an answer right. Raises StudioError, for a question too: for that there is `ask_instead`."""
        if not text.strip():
            raise StudioError("A message cannot be empty.", "Type something, or delete the chat.")
        self.living(conversation_id)
        said = self._store.messages(conversation_id)
        if said[_place_of(said, message_id)].role != "assistant":
            raise StudioError("Only an answer can be put right.", "Ask the changed question instead.")
        self._store.edit(message_id, text)

    def rate(self, message_id: int, rating: Rating) -> None:
        self._store.rate(message_id, rating)

    def rename(self, conversation_id: ConversationId, name: str) -> Conversation:
        name = " ".join(name.split())
        if not 0 < len(name) <= LONGEST_NAME:
            raise StudioError(f"A name has 1 to {LONGEST_NAME} characters.", "Type another one.")
        return self._store.update(replace(self._store.get(conversation_id), name=name))

    def delete(self, conversation_id: ConversationId) -> None:
        """For `KEPT_DELETED` it can be brought back; what was deleted longer ago goes for good."""
        self.tidy()
        self._store.hide(conversation_id)

    def undelete(self, conversation_id: ConversationId) -> Conversation:
        return self._store.undelete(conversation_id)

    def tidy(self) -> int:
        """Remove for good what was deleted long ago; returns how many."""
        return self._store.purge(self._clock() - KEPT_DELETED)

    def count_tokens(
        self,
        conversation_id: ConversationId | None,
        model: ModelRef,
        placing: Placing,
        *,
        system: str,
        text: str,
        alone: bool = False,
    ) -> int | None:
        """How many tokens the model would read, were this said now; None unless it is in memory and free."""
        said = self._store.messages(conversation_id) if conversation_id is not None and not alone else ()
        question = Said(0, "user", text, self._clock())
        loadable = self._talkers.resolve(model, placing)
        return self._engine.count_tokens(loadable, as_messages(system, [*said, question]))

    def stop(self) -> None:
        self._engine.stop()

    def as_text(self, conversation: Conversation, file_format: ChatFormat) -> str:
        """Raises StudioError where nothing of it can be a row."""
        said = self._store.messages(conversation.id)
        if file_format is ChatFormat.TEXT:
            return as_text(conversation, said)
        if file_format is ChatFormat.MARKDOWN:
            return as_markdown(conversation, said)
        return "".join(_line(row) for row in self._rows([conversation]))

    def export(self, conversation_id: ConversationId, file_format: ChatFormat) -> Path:
        """Write it into the folder for exports; returns where. Raises StudioError."""
        conversation = self._store.get(conversation_id)
        text = self.as_text(conversation, file_format)
        path = self._exports / f"chat-{conversation.id}-{self._clock():%Y%m%d-%H%M%S}.{file_format}"
        with appearing(path, overwrite=True) as partial:
            partial.write_text(text, encoding="utf-8")
        return path

    def make_session(self, conversation_ids: Sequence[ConversationId], name: str = "") -> Session:
        """A session of what is worth learning: liked and corrected answers, else whole conversations.

        Raises StudioError where there is nothing.
        """
        conversations = [self._store.get(one) for one in conversation_ids]
        rows = self._rows(conversations)
        title = name.strip() or (conversations[0].name if len(conversations) == 1 else "Chats")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "chats.jsonl"
            file.write_text("".join(map(_line, rows)), encoding="utf-8")
            return self._library.import_file(file, title, source="Chats with models").session

    def _rows(self, conversations: Sequence[Conversation]) -> list[list[Message]]:
        found = [row for one in conversations for row in training_rows(one, self._store.messages(one.id))]
        if not found:
            raise StudioError(
                "Nothing in it can be a training row.",
                "Mark a good answer with a thumb up, or edit one to what it should have been.",
            )
        return found

    def _answer(
        self,
        conversation_id: ConversationId,
        sampling: Sampling,
        placing: Placing,
        *,
        alone: bool,
        is_wanted: IsWanted,
        instead_of: int | None = None,
    ) -> Iterator[str]:
        said = [one for one in self._store.messages(conversation_id) if one.id != instead_of]

        def keep(answer: Said) -> None:
            if instead_of is not None:
                self._store.take_back(conversation_id, instead_of)
            self._store.say(
                conversation_id,
                "assistant",
                answer.content,
                model_label=answer.model_label,
                facts=answer.facts,
            )

        told = said[-1:] if alone else said
        yield from self._told(
            conversation_id, told, sampling, placing, keep, alone=alone, is_wanted=is_wanted
        )

    def _told(
        self,
        conversation_id: ConversationId,
        said: Sequence[Said],
        sampling: Sampling,
        placing: Placing,
        keep: Callable[[Said], None],
        *,
        alone: bool,
        is_wanted: IsWanted,
    ) -> Iterator[str]:
        """The answer to what was `said`; `keep` is given what there is of it in the end, if anything."""
        kept = self._store.update(replace(self.living(conversation_id), sampling=sampling))
        model = self._talkers.resolve(ModelRef.parse(kept.model), placing)
        pieces: list[str] = []
        facts: list[AnswerFacts] = []
        try:
            messages = as_messages(kept.system, said)
            for piece in self._engine.generate(model, messages, sampling, facts.append, is_wanted=is_wanted):
                pieces.append(piece)
                yield piece
            require_words(pieces, facts)
        finally:
            if has_words(pieces):
                how = replace(facts[0], alone=alone) if facts else None
                keep(Said(0, "assistant", "".join(pieces), self._clock(), model.label, facts=how))


def _place_of(said: Sequence[Said], message_id: int) -> int:
    """Raises UnknownConversationError."""
    found = next((at for at, one in enumerate(said) if one.id == message_id), None)
    if found is None:
        raise UnknownConversationError("This message is gone.", "Another window may have removed it.")
    return found


def _answered_by(answer: Said, after: Sequence[Said]) -> list[Said]:
    """What stands behind a prompt that is asked alone, once it has this answer: in the place of its last one;
    all with new ids where it had none."""
    if after and after[0].role == "assistant":
        return [replace(answer, id=after[0].id), *after[1:]]
    return [answer, *(replace(one, id=0) for one in after)]


def _is_same(one: Said, other: Said) -> bool:
    return (one.id, one.role, one.content) == (other.id, other.role, other.content)


def _name_from(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _NAME_FROM_PROMPT else line[: _NAME_FROM_PROMPT - 1] + "…"


def _line(row: list[Message]) -> str:
    return json.dumps({"messages": row}, ensure_ascii=False) + "\n"
