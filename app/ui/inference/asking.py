"""What the buttons of a conversation do: ask, answer again, change, correct, rate, take back."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from app.domain.conversations import ConversationId, Rating, Said
from app.domain.errors import UnknownConversationError
from app.services.conversing import ConversationService
from app.services.talking import TalkingEngine
from app.ui.actions import problem_of
from app.ui.inference.draft import InferenceDraft, Talk
from app.ui.texts import text


class Asking:
    """Each starts its work and returns at once."""

    def __init__(
        self,
        chats: ConversationService,
        engine: TalkingEngine,
        draft: InferenceDraft,
        talk: Talk,
        run_task: Callable[..., object],
        by_button: Callable[[], None],
    ) -> None:
        """`by_button` is told of an answer that a button begins which stands among what was said."""
        self._chats, self._engine = chats, engine
        self._draft, self._talk = draft, talk
        self._run_task, self._by_button = run_task, by_button

    def ask(self) -> None:
        typing = self._talk.typing
        if typing.prompt.strip() and self._talk.begin():
            text, typing.prompt = typing.prompt, ""
            self._run_task(self._ask, text, self._talk.conversation)

    def again(self) -> None:
        if self._talk.begin():
            self._by_button()
            self._run_task(self._again)

    def edit(self, said: Said, text: str) -> None:
        if said.role == "assistant":
            self._run_task(self._correct, said, text)
        elif self._talk.begin():
            self._by_button()
            self._run_task(self._ask_instead, said, text)
        else:  # another answer has begun since the button was drawn
            self._talk.reopen(said, text)

    def undo(self) -> None:
        self._run_task(self._undo)

    def rate(self, said: Said, rating: Rating) -> None:
        self._run_task(self._rate, said, rating)

    def dismiss(self) -> None:
        self._talk.problem = None

    async def _ask(self, question: str, shown: ConversationId | None) -> None:
        talk = self._talk
        try:
            conversation = await asyncio.to_thread(self._conversation_or_new, shown)
            before = await asyncio.to_thread(self._chats.messages, conversation)
        except Exception as error:
            talk.typing.give_back(question)
            talk.give_up(problem_of(error))
            return
        if shown not in (None, conversation):
            talk.notice, talk.notice_of = text("inference.talk.was_deleted"), ""
        sampling, placing = self._draft.settings.sampling, self._draft.model.placing

        def pieces() -> Iterator[str]:
            return self._chats.ask(
                conversation, question, sampling, placing, alone=talk.is_alone, is_wanted=talk.is_wanted
            )

        # The question is kept from now on; asked for anew meanwhile, it would stand there twice.
        await talk.follow(
            conversation, pieces, asked=question, hidden_from=before[-1].id + 1 if before else 0
        )

    async def _again(self) -> None:
        talk = self._talk
        try:
            conversation = await asyncio.to_thread(self._conversation, talk.conversation)
            said = await asyncio.to_thread(self._chats.messages, conversation)
        except Exception as error:
            talk.give_up(problem_of(error))
            return
        hidden = said[-1].id if said and said[-1].role == "assistant" else None
        sampling, placing = self._draft.settings.sampling, self._draft.model.placing

        def pieces() -> Iterator[str]:
            return self._chats.answer_again(
                conversation, sampling, placing, alone=talk.is_alone, is_wanted=talk.is_wanted
            )

        await talk.follow(conversation, pieces, hidden_from=hidden)

    async def _correct(self, said: Said, text: str) -> None:
        conversation = self._talk.conversation
        if conversation is None:
            return
        try:
            await asyncio.to_thread(self._chats.edit, conversation, said.id, text)
        except Exception as error:
            self._talk.problem = problem_of(error)
            self._talk.reopen(said, text)
        else:
            self._talk.undo = None  # it would take the correction back too
            self._talk.changes += 1

    async def _ask_instead(self, said: Said, question: str) -> None:
        """What followed stays until there is an answer, and can be brought back then."""
        talk = self._talk
        try:
            conversation = await asyncio.to_thread(self._conversation, talk.conversation)
            before = tuple(await asyncio.to_thread(self._chats.messages, conversation))
        except Exception as error:
            talk.reopen(said, question)
            talk.give_up(problem_of(error))
            return
        sampling, placing = self._draft.settings.sampling, self._draft.model.placing

        def pieces() -> Iterator[str]:
            return self._chats.ask_instead(
                conversation,
                said.id,
                question,
                sampling,
                placing,
                alone=talk.is_alone,
                is_wanted=talk.is_wanted,
            )

        async def settle() -> None:
            """A failure, or a stop before the first word, has changed nothing."""
            try:
                now = tuple(await asyncio.to_thread(self._chats.messages, conversation))
            except Exception as error:
                now, talk.problem = before, problem_of(error)
            if _turn_of(said, now) == _turn_of(said, before):
                talk.reopen(said, question)
            else:
                earlier = (one for one in now if one.id < said.id)  # perhaps put right meanwhile
                talk.undo = conversation, (*earlier, *(one for one in before if one.id >= said.id))

        later = next((one.id for one in before if one.id > said.id and one.role == "user"), None)
        await talk.follow(
            conversation,
            pieces,
            asked=question,
            hidden_from=said.id,
            hidden_to=later if talk.is_alone else None,
            after=settle,
        )

    async def _undo(self) -> None:
        talk = self._talk
        undo = talk.undo
        if undo is None or not talk.begin():  # nothing is asked meanwhile: it would be taken back
            return
        try:
            await asyncio.to_thread(self._chats.restore, *undo)
        except Exception as error:
            talk.undo, talk.problem = undo, problem_of(error)
        talk.is_busy = False
        talk.changes += 1

    async def _rate(self, said: Said, rating: Rating) -> None:
        try:
            await asyncio.to_thread(self._chats.rate, said.id, rating)
        except Exception as error:
            self._talk.problem = problem_of(error)
        self._talk.changes += 1

    def _conversation_or_new(self, shown: ConversationId | None) -> ConversationId:
        """A new one too where that on the screen was deleted elsewhere."""
        try:
            return self._conversation(shown)
        except UnknownConversationError:
            return self._begun()

    def _begun(self) -> ConversationId:
        ref, settings, typing = self._draft.model.ref, self._draft.settings, self._talk.typing
        assert ref is not None
        return self._chats.begin(ref, settings.sampling, system=typing.system).id

    def _conversation(self, shown: ConversationId | None) -> ConversationId:
        """The one on the screen, answered by the model that is chosen; or a new one."""
        draft, talk = self._draft, self._talk
        ref = draft.model.ref
        self._engine.require_fit(ref, draft.model.placing, insists=draft.model.insists)
        assert ref is not None
        if shown is None:
            return self._begun()
        kept = self._chats.living(shown)
        if kept.model != str(ref):
            self._chats.go_on_with(kept.id, ref)
        if kept.system != talk.typing.system:
            self._chats.instruct(kept.id, talk.typing.system)
        return kept.id


def _turn_of(question: Said, said: Sequence[Said]) -> list[tuple[int, str, datetime]]:
    """The question and what comes after it, without the thumbs."""
    turn = [one for one in said if one.id >= question.id][:2]
    return [(one.id, one.content, one.created_at) for one in turn]
