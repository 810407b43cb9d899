"""Questions from the training data, to begin with."""

from functools import partial
from typing import Any, cast

import flet as ft

from app.domain.runs import RunId
from app.services.chatting import ChatService
from app.ui.kit.icon_action import IconAction
from app.ui.kit.identified import Identified
from app.ui.landmarks import TALK, use_landmark
from app.ui.texts import text
from app.ui.theme import TEXT_FONT
from app.ui.training.fields import Wrap
from app.ui.training.inference.draft import ChatDraft
from app.ui.training.watching import use_answer

_LONGEST = 90
_STYLE = ft.ButtonStyle(
    padding=ft.Padding.symmetric(horizontal=12, vertical=8),
    text_style=ft.TextStyle(size=13, font_family=TEXT_FONT),
    side=ft.BorderSide(1, ft.Colors.OUTLINE_VARIANT),
)


@ft.component
def SamplePrompts(chats: ChatService, run_id: RunId, chat: ChatDraft) -> ft.Control:
    """Five random ones; a click puts one into the prompt box, ready to be asked. None for data on the Hub."""
    prompts, set_prompts = ft.use_state(cast(tuple[str, ...], ()))
    draw, set_draw = ft.use_state(0)
    place = use_landmark(TALK)
    use_answer(lambda: tuple(chats.sample_prompts(run_id)), set_prompts, on=draw)
    if not prompts:
        return ft.Container(visible=False)
    heading = ft.Row(
        [
            ft.Text(
                text("training.chat.from_the_data"), theme_style=ft.TextThemeStyle.TITLE_SMALL, expand=True
            ),
            IconAction(ft.Icons.REFRESH, text("training.chat.other_samples"), lambda: set_draw(draw + 1)),
        ]
    )
    chips = [
        _chip(number, prompt, chat, place if number == 0 else None) for number, prompt in enumerate(prompts)
    ]
    return ft.Column([heading, Wrap(chips)], spacing=0, tight=True)


def _chip(number: int, prompt: str, chat: ChatDraft, place: "ft.Ref[Any] | None") -> ft.Control:
    short = " ".join(prompt.split())
    short = short if len(short) <= _LONGEST else short[: _LONGEST - 1] + "…"
    chip = ft.OutlinedButton(
        short,
        ref=place,
        tooltip=prompt if short != prompt else None,
        style=_STYLE,
        on_click=partial(_put, chat, prompt),
    )
    return Identified(f"sample-{number}", chip)


def _put(chat: ChatDraft, prompt: str) -> None:
    chat.prompt = prompt
    chat.samples_taken += 1
