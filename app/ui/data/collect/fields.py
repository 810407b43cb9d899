"""A source's fields as controls. Sources of other packages get their form from here too."""

from collections.abc import Callable
from typing import Final

import flet as ft

from app.domain.queries import Answer, Field
from app.ui.kit.entered import text_of
from app.ui.kit.text_field import TextField
from app.ui.texts import text_in
from app.ui.training.fields import Choice, TextInput, Toggle

OnAnswer = Callable[[str, Answer], None]

_CALLED: Final = frozenset({"votes", "creation", "activity", "relevance"})
"""Choices of our own sources. What those of other packages offer is called as they call it."""


def AnswerField(field: Field, value: Answer, on_answer: OnAnswer) -> ft.Control:
    """The control for one field; numbers and lines stay text as typed until they are checked."""

    def hear(given: Answer) -> None:
        on_answer(field.name, given)

    match field.kind:
        case "flag":
            return Toggle(field.label, value is True, hear, help_text=field.help)
        case "choice":
            options = [(choice, _called(choice)) for choice in field.choices]
            return Choice(
                f"collect-{field.name}", field.label, str(value), options, hear, help_text=field.help
            )
        case "lines":
            return _lines(field, value, hear)
        case _:
            return TextInput(field.label, str(value), hear, help_text=field.help)


def _called(choice: str) -> str:
    return text_in("data.collect.choices", choice) if choice in _CALLED else choice


def _lines(field: Field, value: Answer, hear: Callable[[Answer], None]) -> ft.Control:
    def edit(event: ft.Event[ft.TextField]) -> None:
        hear(text_of(event))

    return TextField(
        data="wide" if field.is_required else None,  # a whole line of the grid
        label=field.label,
        value="\n".join(value) if isinstance(value, tuple) else str(value),
        helper=field.help,
        helper_max_lines=4,
        multiline=True,
        min_lines=1,
        max_lines=6,
        on_change=edit,
    )
