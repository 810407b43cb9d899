"""One message of a conversation: Markdown with code, and what can be done with it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import flet as ft

from app.domain.conversations import Rating, Said
from app.ui.inference.markdown import without_pictures
from app.ui.kit.copy_button import CopyButton
from app.ui.kit.entered import text_of
from app.ui.kit.icon_action import IconAction
from app.ui.kit.identified import Identified
from app.ui.kit.selectable import Selectable
from app.ui.kit.text_field import TextField
from app.ui.kit.typed import use_typed
from app.ui.texts import text, text_in
from app.ui.theme import CODE_FONT, GAP, RADIUS
from app.ui.training.fields import Wrap

_INDENT: Final = 48
_ENDED: Final = ("length", "context", "cancelled", "repetition", "stop_string")
"""Ways to end that are said; any other is the usual one."""


@dataclass(frozen=True, eq=False)
class Hands:
    """What a message may ask for; of calls with equal messages the first one's count."""

    edit: Callable[[Said, str], None]
    rate: Callable[[Said, Rating], None]
    again: Callable[[], None]
    edits: dict[tuple[int, str], str]
    """What is typed into open editors, by id and words of their messages."""
    is_alone: bool
    """Whether each question is asked without those before it."""


@ft.component
def Message(number: int, said: Said, hands: Hands, *, is_last: bool, is_busy: bool) -> ft.Control:
    which = said.id, said.content
    drawn, draw = ft.use_state(0)

    def edit() -> None:
        hands.edits[which] = said.content
        draw(drawn + 1)

    def close() -> None:
        hands.edits.pop(which, None)
        draw(drawn + 1)

    if which in hands.edits:
        return Editor(said, hands, close, is_busy=is_busy)
    is_mine = said.role == "user"
    lines: list[ft.Control] = []
    if not is_mine:
        lines.append(_who(said))
    lines.append(Rendered(said.content))
    if said.facts is not None:
        lines.append(_facts(said))
    actions = _actions(said, hands, edit, is_last=is_last, is_busy=is_busy)
    return ft.Column(
        [Identified(f"message-{number}", Bubble(lines, is_mine=is_mine), label=_label(said)), actions],
        spacing=0,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _label(said: Said) -> str:
    return text("inference.message.you") if said.role == "user" else said.model_label


def Rendered(text: str) -> ft.Control:
    """Markdown as chats have it; what a model says is never fetched: pictures stay text."""
    return Selectable(
        ft.Markdown(
            without_pictures(text),
            extension_set=ft.MarkdownExtensionSet.GITHUB_WEB,
            code_theme=ft.MarkdownCodeTheme.ATOM_ONE_DARK
            if ft.context.page.theme_mode == ft.ThemeMode.DARK
            else ft.MarkdownCodeTheme.GITHUB,
            code_style_sheet=ft.MarkdownStyleSheet(
                code_text_style=ft.TextStyle(font_family=CODE_FONT, size=13)
            ),
            soft_line_break=True,
            fit_content=True,
        )
    )


def Bubble(lines: list[ft.Control], *, is_mine: bool) -> ft.Control:
    return ft.Container(
        ft.Column(lines, spacing=GAP / 2, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH),
        bgcolor=ft.Colors.SECONDARY_CONTAINER if is_mine else ft.Colors.SURFACE_CONTAINER,
        border_radius=RADIUS,
        padding=GAP * 1.5,
        margin=ft.Margin(left=_INDENT if is_mine else 0, right=0 if is_mine else _INDENT, top=0, bottom=0),
    )


def _who(said: Said) -> ft.Control:
    words = (
        text("inference.message.corrected", model=said.model_label)
        if said.original is not None
        else said.model_label
    )
    return ft.Text(words, theme_style=ft.TextThemeStyle.LABEL_MEDIUM, color=ft.Colors.PRIMARY)


def _facts(said: Said) -> ft.Control:
    facts = said.facts
    assert facts is not None
    words = text("inference.message.facts", count=facts.tokens, speed=facts.tokens_per_second)
    words += "; " + text("inference.message.facts_of_all", count=facts.prompt_tokens + facts.tokens)
    if facts.finish_reason in _ENDED:
        words += "; " + text_in("inference.message.ended", facts.finish_reason)
    return ft.Text(words, theme_style=ft.TextThemeStyle.BODY_SMALL, color=ft.Colors.ON_SURFACE_VARIANT)


def _actions(
    said: Said, hands: Hands, on_edit: Callable[[], None], *, is_last: bool, is_busy: bool
) -> ft.Control:
    is_mine = said.role == "user"
    icons: list[ft.Control] = [
        CopyButton(
            said.content,
            what=text("inference.message.the_message") if is_mine else text("inference.message.the_answer"),
        )
    ]
    what = text("inference.message.edit") if is_mine else text("inference.message.correct")
    icons.append(IconAction(ft.Icons.EDIT_OUTLINED, what, on_edit, disabled=is_busy, size=18))
    if not is_mine:
        icons += [_thumb(said, 1, hands), _thumb(said, -1, hands)]
    if is_last:
        name = text("inference.message.answer_this") if is_mine else text("inference.message.answer_again")
        icons.append(IconAction(ft.Icons.REFRESH, name, hands.again, disabled=is_busy, size=18))
    end = ft.MainAxisAlignment.END if is_mine else ft.MainAxisAlignment.START
    return ft.Row(icons, spacing=0, alignment=end)


def _thumb(said: Said, rating: Rating, hands: Hands) -> ft.Control:
    """Filled where it is chosen, and said so: not by colour alone."""
    is_on = said.rating == rating
    good = rating == 1
    icon = (
        (ft.Icons.THUMB_UP if is_on else ft.Icons.THUMB_UP_OUTLINED)
        if good
        else (ft.Icons.THUMB_DOWN if is_on else ft.Icons.THUMB_DOWN_OUTLINED)
    )
    name = text("inference.message.good" if good else "inference.message.bad")
    if is_on:
        name = text("inference.message.good_marked" if good else "inference.message.bad_marked")
    return IconAction(icon, name, lambda: hands.rate(said, 0 if is_on else rating), size=18)


@ft.component
def Editor(said: Said, hands: Hands, on_close: Callable[[], None], *, is_busy: bool) -> ft.Control:
    """In the place of the message."""
    which = said.id, said.content
    typed = use_typed(hands.edits.setdefault(which, said.content))
    is_mine = said.role == "user"

    def edit(event: ft.Event[ft.TextField]) -> None:
        typed.edit(event)
        hands.edits[which] = text_of(event)

    def save() -> None:
        on_close()
        hands.edit(said, typed.now())

    edit_help = text("inference.message.edit_alone_help" if hands.is_alone else "inference.message.edit_help")
    note = edit_help if is_mine else text("inference.message.correct_help")
    field = TextField(
        label=text("inference.message.field") if is_mine else text("inference.message.correction"),
        value=typed.shown,
        helper=note,
        multiline=True,
        min_lines=2,
        max_lines=12,
        on_change=edit,
    )
    buttons = [
        ft.FilledButton(
            text("inference.message.save_message") if is_mine else text("inference.message.save_correction"),
            # A question is to be answered at once; a correction can be kept meanwhile.
            disabled=not typed.shown.strip() or (is_mine and is_busy),
            on_click=save,
        ),
        ft.TextButton(text("inference.message.cancel"), on_click=on_close),
    ]
    return ft.Column(
        [field, Wrap(buttons)],
        spacing=GAP,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
