"""What was said to the model and what it answered, with the answer under way at the end."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import cast

import flet as ft

from app.domain.chat import ChatTurn, Voice
from app.domain.runs import RunId
from app.services.chatting import ChatService
from app.ui.actions import use_action
from app.ui.kit.confirm_dialog import ConfirmDialog
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.kit.selectable import Selectable
from app.ui.texts import text, text_in
from app.ui.theme import GAP, RADIUS
from app.ui.training.fields import Wrap
from app.ui.training.inference.answering import Answering, LiveText
from app.ui.training.watching import use_answer

_SHOWN_WHOLE = 2
"""Turns that take the height they need; more scroll in a box."""
_HEIGHT = 460


@ft.component
def Conversation(chats: ChatService, run_id: RunId, answering: Answering, live: LiveText) -> ft.Control:
    """Drawn up to ten times a second while an answer arrives."""
    turns, set_turns = ft.use_state(cast(tuple[ChatTurn, ...], ()))
    cleared, set_cleared = ft.use_state(0)
    use_answer(
        lambda: tuple(chats.turns(run_id)), set_turns, on=(answering.finished, cleared, answering.is_busy)
    )
    entries = [
        _entry(number, turn.voice, turn.prompt, turn.answer) for number, turn in enumerate(turns, start=1)
    ]
    if answering.is_busy and answering.run_id == run_id:
        entries.append(_entry(len(turns) + 1, answering.voice, answering.prompt, live.text or "…"))
    return ft.Column(
        [
            ConversationBar(chats, run_id, on_cleared=lambda: set_cleared(cleared + 1), is_empty=not turns),
            _list(entries),
        ],
        spacing=GAP,
        tight=True,
    )


def _list(entries: Sequence[ft.Control]) -> ft.Control:
    if not entries:
        said = ft.Text(text("training.chat.empty"), color=ft.Colors.ON_SURFACE_VARIANT)
        return Identified("chat-empty", said)
    if len(entries) <= _SHOWN_WHOLE:
        whole = ft.Column(list(entries), spacing=GAP * 1.5, tight=True)
        return Identified("chat-turns", Selectable(whole), label=text("training.chat.title"))
    # Reversed, so that it sticks to the newest by itself; auto_scroll stops short with growing text.
    newest_first = ft.ListView(list(reversed(entries)), reverse=True, spacing=GAP * 1.5)
    box = ft.Container(Selectable(newest_first), height=_HEIGHT)
    return Identified("chat-turns", box, label=text("training.chat.title"))


def _entry(number: int, voice: Voice, prompt: str, answer: str) -> ft.Control:
    who = ft.Text(
        text_in("training.chat.voices", voice),
        theme_style=ft.TextThemeStyle.LABEL_MEDIUM,
        color=ft.Colors.PRIMARY,
    )
    answered = ft.Column([who, ft.Text(answer)], spacing=2, tight=True)
    return ft.Column(
        [
            _bubble(Identified(f"chat-prompt-{number}", ft.Text(prompt)), asked=True),
            _bubble(Identified(f"chat-answer-{number}", answered), asked=False),
        ],
        key=f"turn-{number}",
        spacing=GAP / 2,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _bubble(content: ft.Control, *, asked: bool) -> ft.Control:
    return ft.Container(
        content,
        bgcolor=ft.Colors.SECONDARY_CONTAINER if asked else ft.Colors.SURFACE_CONTAINER,
        border_radius=RADIUS,
        padding=GAP * 1.5,
        margin=ft.Margin(left=48 if asked else 0, right=0 if asked else 48, top=0, bottom=0),
    )


@ft.component
def ConversationBar(
    chats: ChatService, run_id: RunId, on_cleared: Callable[[], None], is_empty: bool
) -> ft.Control:
    """Export and clear."""
    is_asking, set_asking = ft.use_state(False)
    said, say = ft.use_state("")

    def done(_: None) -> None:
        set_asking(False)
        say("")
        on_cleared()

    clear = use_action(lambda: chats.clear(run_id), on_done=done)
    export = use_action(
        lambda: chats.export(run_id, datetime.now(UTC)),
        on_done=lambda path: say(text("training.chat.exported", path=path)),
    )
    dialog = ConfirmDialog(
        text("training.chat.clear_question"),
        text("training.chat.clear_text"),
        confirm=text("training.chat.clear"),
        on_confirm=clear.run,
        on_cancel=lambda: set_asking(False),
        is_busy=clear.is_busy,
        problem=clear.problem,
    )
    ft.use_dialog(dialog if is_asking else None)
    buttons = Wrap(
        [
            ft.TextButton(
                text("training.chat.export"), icon=ft.Icons.DOWNLOAD, disabled=is_empty, on_click=export.run
            ),
            ft.TextButton(
                text("training.chat.clear_history"),
                icon=ft.Icons.DELETE_SWEEP_OUTLINED,
                disabled=is_empty,
                on_click=lambda: set_asking(True),
            ),
        ]
    )
    lines: list[ft.Control] = [
        ft.Text(text("training.chat.title"), theme_style=ft.TextThemeStyle.TITLE_SMALL),
        buttons,
    ]
    if said:
        lines.append(Selectable(Identified("chat-exported", ft.Text(said), live=True)))
    lines.append(ErrorBanner(export.problem, on_dismiss=export.dismiss))
    return ft.Column(lines, spacing=GAP / 2, tight=True)
