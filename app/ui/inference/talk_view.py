"""A conversation: what was said, and the answer under way, over the fields to say more."""

from collections.abc import Callable
from typing import Final, cast

import flet as ft

from app.domain.conversations import Said
from app.services.conversing import ConversationService
from app.services.talking import TalkingEngine
from app.ui.actions import Problem
from app.ui.inference.asking import Asking
from app.ui.inference.composer import Composer, SystemPrompt
from app.ui.inference.draft import InferenceDraft, LiveAnswer, PickedModel, Talk
from app.ui.inference.focus_on_stop import use_focus_on_stop
from app.ui.inference.message import Bubble, Hands, Message, Rendered
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.texts import text
from app.ui.theme import GAP
from app.ui.training.fields import Help, Wrap
from app.ui.training.mounting import keyed
from app.ui.training.watching import use_answer

_SHOWN_WHOLE: Final = 2
"""Messages that take the height they need; more scroll in a box."""
_HEIGHT: Final = 520
_AGAIN_SECONDS: Final = 2.0
"""Until what could not be read is asked for again."""


@ft.component
def TalkView(
    chats: ConversationService, engine: TalkingEngine, draft: InferenceDraft, talk: Talk
) -> ft.Control:
    """Give it the kind of talk as key. Not drawn anew while an answer grows: `Live` is."""
    said, set_said = ft.use_state(cast(tuple[Said, ...], ()))
    read_at, set_read_at = ft.use_state(-1)
    is_unread, set_unread = ft.use_state(False)
    unread_why = ft.use_ref(cast(Problem | None, None))
    conversation, changes = talk.conversation, talk.changes
    seen_in = ft.use_ref(conversation)

    def look() -> tuple[Said, ...]:
        return tuple(chats.messages(conversation)) if conversation is not None else ()

    def found(now: tuple[Said, ...]) -> None:
        if seen_in.current == conversation:
            talk.forget_edits(said, now)
        seen_in.current = conversation
        set_said(now)
        set_read_at(changes)
        set_unread(False)
        if talk.problem is unread_why.current:
            talk.problem = None

    def not_found(problem: Problem) -> None:
        """Told once, and not over what an answer failed by."""
        if not is_unread and talk.problem is None:
            talk.problem = unread_why.current = problem
        set_unread(True)

    use_answer(
        look,
        found,
        on=(conversation, changes, is_unread),
        every_seconds=_AGAIN_SECONDS if is_unread else None,
        on_problem=not_found,
    )
    focus = use_focus_on_stop(is_busy=talk.is_busy)
    asking = Asking(chats, engine, draft, talk, ft.context.page.run_task, focus.pressed)
    hands = Hands(asking.edit, asking.rate, asking.again, talk.edits.value, is_alone=talk.is_alone)
    is_answering = talk.answering_in == conversation and (talk.is_busy or read_at < talk.answered_at)
    shown = [one for one in said if not (is_answering and _is_hidden(one, talk))]
    is_busy = talk.is_busy or is_answering
    undo = talk.undo is not None and talk.undo[0] == conversation and not is_busy
    entries = [
        keyed(
            Message,
            f"message-{one.id}",
            number,
            one,
            hands,
            is_last=number == len(shown),
            is_busy=is_busy,
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
            keyed(Notice, "notice", talk, draft.model),
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


@ft.component
def Notice(talk: Talk, model: PickedModel) -> ft.Control:
    """Away as long as another model is chosen than that of which it speaks."""
    if not talk.notice or talk.notice_of not in ("", str(model.ref)):
        return ft.Container(visible=False)
    return Identified("talk-notice", Help(talk.notice), live=True)


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
