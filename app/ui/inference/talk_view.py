"""A conversation: what was said, the answer under way, and the field to say more."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Final, cast

import flet as ft

from app.domain.conversations import ConversationId, Rating, Said
from app.domain.errors import UnknownConversationError
from app.services.conversing import ConversationService
from app.services.talking import TalkingEngine
from app.ui.actions import Problem, problem_of, use_action
from app.ui.inference.draft import InferenceDraft, LiveAnswer, PickedModel, Talk, Typing
from app.ui.inference.focus_on_stop import FocusOnStop, StopButton, use_focus_on_stop
from app.ui.inference.message import Bubble, Hands, Message, Rendered
from app.ui.inference.sampling import SamplingDraft
from app.ui.kit.entered import text_of
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.foldable import Foldable
from app.ui.kit.identified import Identified
from app.ui.kit.text_field import TextField
from app.ui.texts import counted, text
from app.ui.theme import GAP
from app.ui.training.fields import Help, Wrap
from app.ui.training.mounting import keyed
from app.ui.training.watching import use_answer

_SHOWN_WHOLE: Final = 2
"""Messages that take the height they need; more scroll in a box."""
_HEIGHT: Final = 520
_TYPING_SECONDS: Final = 0.3


@ft.component
def TalkView(
    chats: ConversationService, engine: TalkingEngine, draft: InferenceDraft, talk: Talk
) -> ft.Control:
    """Give it the kind of talk as key. Not drawn anew while an answer grows: `Live` is."""
    said, set_said = ft.use_state(cast(tuple[Said, ...], ()))
    conversation = talk.conversation

    def look() -> tuple[Said, ...]:
        return tuple(chats.messages(conversation)) if conversation is not None else ()

    use_answer(look, set_said, on=(conversation, talk.changes))
    focus = use_focus_on_stop(is_busy=talk.is_busy)
    asking = Asking(chats, engine, draft, talk, ft.context.page.run_task, focus.pressed)
    hands = Hands(asking.edit, asking.rate, asking.again, talk.edits.value, is_alone=talk.is_alone)
    is_answering = talk.is_busy and talk.answering_in == conversation
    shown = [one for one in said if not (is_answering and _is_hidden(one, talk))]
    undo = talk.undo is not None and talk.undo[0] == conversation and not talk.is_busy
    entries = [
        keyed(
            Message,
            f"message-{one.id}",
            number,
            one,
            hands,
            is_last=number == len(shown),
            is_busy=talk.is_busy,
        )
        for number, one in enumerate(shown, start=1)
    ]
    if is_answering:
        asked = [Bubble([Rendered(talk.asked)], is_mine=True)] if talk.asked else []
        at = sum(1 for one in shown if talk.hidden_from is None or one.id < talk.hidden_from)
        entries[at:at] = [*asked, keyed(Live, "live", talk.live)]
    return ft.Column(
        [
            _list(entries, is_alone=talk.is_alone),
            ErrorBanner(talk.problem, on_dismiss=asking.dismiss),
            *_notice(talk.notice),
            *([_undo_line(asking.undo)] if undo else []),
            keyed(SystemPrompt, "system", talk.typing),
            keyed(
                Composer,
                "composer",
                chats,
                draft,
                talk,
                talk.typing,
                draft.model,
                draft.settings,
                asking.ask,
                focus,
            ),
        ],
        spacing=GAP * 1.5,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _is_hidden(one: Said, talk: Talk) -> bool:
    if talk.hidden_from is None:
        return False
    return one.id >= talk.hidden_from and (talk.hidden_to is None or one.id < talk.hidden_to)


def _notice(said: str) -> list[ft.Control]:
    return [Identified("talk-notice", Help(said), live=True)] if said else []


def _undo_line(undo: Callable[[], None]) -> ft.Control:
    said = Identified("talk-changed", Help(text("inference.talk.changed")), live=True)
    return Wrap([said, ft.TextButton(text("inference.talk.undo"), icon=ft.Icons.UNDO, on_click=undo)])


def _list(entries: list[ft.Control], *, is_alone: bool) -> ft.Control:
    if not entries:
        what = text("inference.talk.empty_alone") if is_alone else text("inference.talk.empty")
        return Identified("talk-empty", ft.Text(what, color=ft.Colors.ON_SURFACE_VARIANT))
    if len(entries) <= _SHOWN_WHOLE:
        whole = ft.Column(
            entries, spacing=GAP, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH
        )
        return Identified("talk", whole, label=text("inference.talk.conversation"))
    # Reversed, so that it sticks to the newest by itself; auto_scroll stops short with growing text.
    newest_first = ft.ListView(list(reversed(entries)), reverse=True, spacing=GAP)
    return Identified(
        "talk", ft.Container(newest_first, height=_HEIGHT), label=text("inference.talk.conversation")
    )


@ft.component
def Live(live: LiveAnswer) -> ft.Control:
    """The answer so far; drawn up to ten times a second."""
    return Identified("live-answer", Bubble([Rendered(live.text or "…")], is_mine=False))


class Asking:
    """What the buttons of a conversation do; each starts its work and returns at once."""

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
            self._run_task(self._ask, text)

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

    def undo(self) -> None:
        self._run_task(self._undo)

    def rate(self, said: Said, rating: Rating) -> None:
        self._run_task(self._rate, said, rating)

    def dismiss(self) -> None:
        self._talk.problem = None

    async def _ask(self, question: str) -> None:
        talk = self._talk
        try:
            conversation = await asyncio.to_thread(self._conversation_or_new)
            before = await asyncio.to_thread(self._chats.messages, conversation)
        except Exception as error:
            talk.typing.prompt = question
            talk.give_up(problem_of(error))
            return
        if talk.conversation not in (None, conversation):
            talk.notice = text("inference.talk.was_deleted")
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
            conversation = await asyncio.to_thread(self._conversation)
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
        self._talk.changes += 1

    async def _ask_instead(self, said: Said, question: str) -> None:
        """What followed stays until there is an answer, and can be brought back then."""
        talk = self._talk
        try:
            conversation = await asyncio.to_thread(self._conversation)
            before = tuple(await asyncio.to_thread(self._chats.messages, conversation))
        except Exception as error:
            talk.typing.prompt = talk.typing.prompt or question
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

        later = next((one.id for one in before if one.id > said.id and one.role == "user"), None)
        is_answered = await talk.follow(
            conversation,
            pieces,
            asked=question,
            hidden_from=said.id,
            hidden_to=later if talk.is_alone else None,
            is_kept=False,
        )
        if is_answered:
            talk.undo = conversation, before

    async def _undo(self) -> None:
        talk = self._talk
        if talk.undo is None or talk.is_busy:
            return
        undo, talk.undo = talk.undo, None
        try:
            await asyncio.to_thread(self._chats.restore, *undo)
        except Exception as error:
            talk.problem = problem_of(error)
        talk.changes += 1

    async def _rate(self, said: Said, rating: Rating) -> None:
        try:
            await asyncio.to_thread(self._chats.rate, said.id, rating)
        except Exception as error:
            self._talk.problem = problem_of(error)
        self._talk.changes += 1

    def _conversation_or_new(self) -> ConversationId:
        """A new one too where that on the screen was deleted elsewhere."""
        try:
            return self._conversation()
        except UnknownConversationError:
            return self._begun()

    def _begun(self) -> ConversationId:
        ref, settings, typing = self._draft.model.ref, self._draft.settings, self._talk.typing
        assert ref is not None
        return self._chats.begin(ref, settings.sampling, system=typing.system).id

    def _conversation(self) -> ConversationId:
        """The one on the screen, answered by the model that is chosen; or a new one."""
        draft, talk = self._draft, self._talk
        ref = draft.model.ref
        self._engine.require_fit(ref, draft.model.placing, insists=draft.model.insists)
        assert ref is not None
        if talk.conversation is None:
            return self._begun()
        kept = self._chats.living(talk.conversation)
        if kept.model != str(ref):
            self._chats.go_on_with(kept.id, ref)
        if kept.system != talk.typing.system:
            self._chats.instruct(kept.id, talk.typing.system)
        return kept.id


@ft.component
def SystemPrompt(typing: Typing) -> ft.Control:
    """Folded away; said to be there when it is set."""

    def edit(event: ft.Event[ft.TextField]) -> None:
        typing.system = text_of(event)

    def fields() -> list[ft.Control]:
        return [
            TextField(
                label=text("inference.talk.system"),
                value=typing.system,
                helper=text("inference.talk.system_help"),
                multiline=True,
                min_lines=2,
                max_lines=6,
                on_change=edit,
            )
        ]

    said = " ".join(typing.system.split())
    badge = ft.Text(
        (said if len(said) < 60 else said[:59] + "…") or text("inference.talk.no_system"),
        theme_style=ft.TextThemeStyle.BODY_SMALL,
        color=ft.Colors.ON_SURFACE_VARIANT,
    )
    return Foldable(text("inference.talk.system"), fields, badge=badge, identifier="system-prompt")


@ft.component
def Composer(
    chats: ConversationService,
    draft: InferenceDraft,
    talk: Talk,
    typing: Typing,
    model: PickedModel,
    settings: SamplingDraft,
    ask: Callable[[], None],
    focus: FocusOnStop,
) -> ft.Control:
    """Nothing in here ticks while an answer arrives. What is handed over is watched."""

    def stop_answer() -> None:
        talk.stopped.set()
        chats.stop()

    stop = use_action(stop_answer, on_done=lambda _: None)

    def edit(event: ft.Event[ft.TextField]) -> None:
        focus.typed()
        typing.prompt = text_of(event)

    missing = _missing(model, settings, typing)
    field = TextField(
        label=text("inference.talk.prompt") if talk.is_alone else text("inference.talk.message"),
        value=typing.prompt,
        ref=focus.back.ref,
        on_focus=focus.back.on_focus,
        on_blur=focus.back.on_blur,
        multiline=True,
        min_lines=2,
        max_lines=8,
        shift_enter=True,
        on_change=edit,
        on_submit=ask,
    )
    send = ft.FilledButton(
        text("inference.talk.run") if talk.is_alone else text("inference.talk.send"),
        icon=ft.Icons.SEND,
        disabled=bool(missing) or draft.is_busy,
        tooltip=missing or None,
        on_click=ask,
    )
    ring = ft.ProgressRing(
        width=18, height=18, stroke_width=2.5, semantics_label=text("inference.talk.answering_ring")
    )
    controls: list[ft.Control] = [
        Identified("talk-send", send),
        StopButton(focus, text("inference.talk.stop"), stop.run, is_busy=talk.is_busy),
    ]
    if talk.is_busy:
        controls.append(
            Identified(
                "talk-progress",
                ft.Row([ring, ft.Text(text("inference.talk.answering"))], tight=True),
                live=True,
            )
        )
    elif missing and typing.prompt.strip():
        controls.append(ft.Text(missing, color=ft.Colors.ON_SURFACE_VARIANT))
    problem: Problem | None = stop.problem
    return ft.Column(
        [
            Identified("talk-field", field),
            keyed(TokenCount, "tokens", chats, talk, typing, model),
            Wrap(controls),
            ErrorBanner(problem, on_dismiss=stop.dismiss),
        ],
        spacing=GAP,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


@ft.component
def TokenCount(chats: ConversationService, talk: Talk, typing: Typing, model: PickedModel) -> ft.Control:
    """What the model would read, were this sent now. Apart from the field: it comes a moment after a key.

    Nothing as long as the model is not in memory: none is loaded for it.
    """
    count, set_count = ft.use_state(cast(int | None, None))
    ref, placing, typed, system = model.ref, model.placing, typing.prompt, typing.system
    conversation, alone = talk.conversation, talk.is_alone

    def look() -> int | None:
        if ref is None or not typed.strip():
            return None
        return chats.count_tokens(conversation, ref, placing, system=system, text=typed, alone=alone)

    use_answer(
        look,
        set_count,
        on=(typed, system, str(ref), placing, conversation, talk.changes),
        delay_seconds=_TYPING_SECONDS,
        on_problem=lambda _: set_count(None),  # the line of the model says what is wrong with it
    )
    if count is None:
        return ft.Container(visible=False)
    line = ft.Text(
        counted("inference.talk.reads", count),
        theme_style=ft.TextThemeStyle.BODY_SMALL,
        color=ft.Colors.ON_SURFACE_VARIANT,
    )
    return Identified("token-count", line, label=text("inference.talk.length"))


def _missing(model: PickedModel, settings: SamplingDraft, typing: Typing) -> str:
    if model.ref is None:
        return text("inference.talk.choose_model")
    if settings.problem:
        return settings.problem
    return "" if typing.prompt.strip() else text("inference.talk.type_first")
