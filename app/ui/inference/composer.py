"""The fields of a conversation: system prompt, message with its buttons, and what the model would read."""

from collections.abc import Callable
from typing import Final, cast

import flet as ft

from app.services.conversing import ConversationService
from app.ui.actions import Problem, use_action
from app.ui.inference.draft import InferenceDraft, PickedModel, Talk, Typing
from app.ui.inference.focus_on_stop import FocusOnStop, StopButton
from app.ui.inference.sampling import SamplingDraft
from app.ui.kit.entered import text_of
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.foldable import Foldable
from app.ui.kit.identified import Identified
from app.ui.kit.text_field import TextField
from app.ui.texts import counted, text
from app.ui.theme import GAP
from app.ui.training.fields import Wrap
from app.ui.training.mounting import keyed
from app.ui.training.watching import use_answer

_TYPING_SECONDS: Final = 0.3


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

    def ask_by_key() -> None:
        """Enter is never disabled, and may come before what was typed last is drawn."""
        if not (_missing(model, settings, typing) or draft.is_busy):
            ask()

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
        on_submit=ask_by_key,
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
