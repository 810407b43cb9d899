"""The question and the buttons around it. Nothing in here ticks while an answer arrives."""

import asyncio

import flet as ft

from app.domain.chat import Voice
from app.domain.runs import RunId
from app.services.chatting import ChatService
from app.ui.actions import use_action
from app.ui.inference.focus_on_stop import StopButton, use_focus_on_stop
from app.ui.kit.entered import text_of
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.kit.text_field import TextField
from app.ui.texts import text, text_in
from app.ui.theme import GAP
from app.ui.training.fields import Segments, Wrap
from app.ui.training.inference.answering import Answering
from app.ui.training.inference.draft import ChatDraft

_VOICES: tuple[Voice, ...] = ("tuned", "base")


@ft.component
def PromptBar(chats: ChatService, run_id: RunId, chat: ChatDraft, answering: Answering) -> ft.Control:
    """Type, choose who answers, run, stop."""

    def stop_answer() -> None:
        answering.stopped.set()
        chats.stop()

    stop = use_action(stop_answer, on_done=lambda _: None)
    taken = ft.use_ref(chat.samples_taken)
    focus = use_focus_on_stop(is_busy=answering.is_busy)
    place = focus.back

    async def ask() -> None:
        if chat.prompt.strip():
            # Not awaited: the answer goes on, and is kept, when this component is gone.
            ft.context.page.run_task(
                answering.ask, chats, run_id, chat.prompt, chat.settings.sampling, chat.voice
            )
            await asyncio.sleep(0)

    async def press() -> None:
        focus.pressed()
        await ask()

    def edit(event: ft.Event[ft.TextField]) -> None:
        focus.typed()
        chat.prompt = text_of(event)

    async def be_ready() -> None:
        """Tab may never come to the button: it goes row by row, across to the other column."""
        if chat.samples_taken != taken.current:
            taken.current = chat.samples_taken
            await place.take()

    def choose_voice(value: str) -> None:
        chat.voice = "base" if value == "base" else "tuned"

    field = TextField(
        label=text("training.chat.prompt"),
        value=chat.prompt,
        hint_text=text("training.chat.prompt_hint"),
        multiline=True,
        min_lines=2,
        max_lines=6,
        shift_enter=True,
        on_focus=focus.focused,
        on_change=edit,
        on_submit=ask,
    )
    run = ft.FilledButton(
        text("training.chat.run"),
        ref=place.ref,
        on_focus=place.on_focus,
        on_blur=place.on_blur,
        icon=ft.Icons.AUTO_AWESOME,
        disabled=answering.is_busy or not chat.prompt.strip(),
        tooltip=None if chat.prompt.strip() else text("training.chat.type_first"),
        on_click=press,
    )
    ft.use_effect(be_ready, dependencies=[chat.samples_taken])
    problem = answering.problem if answering.run_id == run_id else None
    return ft.Column(
        [
            Segments(
                "voice",
                text("training.chat.answer_with"),
                chat.voice,
                [(voice, text_in("training.chat.voices", voice)) for voice in _VOICES],
                choose_voice,
            ),
            Identified("chat-prompt", field),
            Wrap(
                [
                    Identified("chat-run", run),
                    StopButton(focus, text("training.chat.stop"), stop.run, is_busy=answering.is_busy),
                    _progress(answering),
                ]
            ),
            ErrorBanner(problem or stop.problem, on_dismiss=lambda: _dismiss(answering)),
        ],
        spacing=GAP * 1.5,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _progress(answering: Answering) -> ft.Control:
    """A ring and what is awaited: loading takes its time only once."""
    if not answering.is_busy:
        return ft.Container(visible=False)
    said = (
        text_in("training.chat.loading", answering.voice)
        if answering.is_loading
        else text_in("training.chat.generating", answering.voice)
    )
    ring = ft.ProgressRing(
        width=18, height=18, stroke_width=2.5, semantics_label=text("training.chat.answering")
    )
    row = ft.Row([ring, ft.Text(said)], spacing=GAP, tight=True)
    return Identified("chat-progress", row, live=True)


def _dismiss(answering: Answering) -> None:
    answering.problem = None
