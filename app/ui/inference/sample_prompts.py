"""Questions from any saved session, to begin with."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, cast

import flet as ft

from app.domain.sessions import Session
from app.services.comparing import ComparingService
from app.services.library import LibraryService
from app.ui.data.wording import rows
from app.ui.kit.icon_action import IconAction
from app.ui.kit.identified import Identified
from app.ui.texts import text
from app.ui.theme import GAP, TEXT_FONT
from app.ui.training.fields import Choice, Wrap
from app.ui.training.watching import use_answer

_COUNT: Final = 5
_LONGEST: Final = 90
_REFRESH_SECONDS: Final = 3.0
_STYLE: Final = ft.ButtonStyle(
    padding=ft.Padding.symmetric(horizontal=12, vertical=8),
    text_style=ft.TextStyle(size=13, font_family=TEXT_FONT),
    side=ft.BorderSide(1, ft.Colors.OUTLINE_VARIANT),
)


@ft.component
def SessionPrompts(
    library: LibraryService,
    comparing: ComparingService,
    on_choose: Callable[[str], None],
    *,
    is_shown: bool,
    on_take_all: Callable[[Sequence[str]], None] | None = None,
) -> ft.Control:
    """Five random ones of the newest session, or of another; a click hands one over."""
    sessions, set_sessions = ft.use_state(cast(tuple[Session, ...], ()))
    chosen, choose = ft.use_state("")
    prompts, set_prompts = ft.use_state(cast(tuple[str, ...], ()))
    draw, set_draw = ft.use_state(0)
    use_answer(
        lambda: tuple(library.sessions()),
        set_sessions,
        on=is_shown,
        every_seconds=_REFRESH_SECONDS if is_shown else None,
    )
    session = next((s for s in sessions if s.id == chosen), sessions[0] if sessions else None)
    use_answer(
        lambda: tuple(comparing.prompts_of(session.id, _COUNT)) if session else (),
        set_prompts,
        on=(session.id if session else "", draw),
    )
    if session is None:
        return ft.Container(visible=False)
    options = [(str(s.id), f"{s.name}, {rows(s.row_count)}") for s in sessions]
    heading = ft.Row(
        [
            ft.Container(
                Choice("sample-session", text("inference.samples.from"), str(session.id), options, choose),
                expand=True,
            ),
            IconAction(ft.Icons.REFRESH, text("inference.samples.other"), lambda: set_draw(draw + 1)),
        ]
    )
    chips = [_chip(number, prompt, on_choose) for number, prompt in enumerate(prompts)]
    if on_take_all is not None and prompts:
        chips.append(
            ft.TextButton(text("inference.samples.take_all"), on_click=partial(on_take_all, prompts))
        )
    return ft.Column([heading, Wrap(chips)], spacing=GAP, tight=True)


def _chip(number: int, prompt: str, on_choose: Callable[[str], None]) -> ft.Control:
    short = " ".join(prompt.split())
    short = short if len(short) <= _LONGEST else short[: _LONGEST - 1] + "…"
    chip = ft.OutlinedButton(
        short,
        tooltip=prompt if short != prompt else None,
        style=_STYLE,
        on_click=partial(on_choose, prompt),
    )
    return Identified(f"session-prompt-{number}", chip)
