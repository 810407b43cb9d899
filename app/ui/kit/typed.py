"""What is being typed into a field, as a click must see it: with the letters that are not drawn yet."""

from collections.abc import Callable
from dataclasses import dataclass

import flet as ft

from app.ui.kit.entered import text_of


@dataclass(frozen=True)
class Typed:
    """`shown` is for drawing; `now` is for acting."""

    shown: str
    now: Callable[[], str]
    edit: Callable[[ft.Event[ft.TextField]], None]
    put: Callable[[str], None]
    """Fill the field with a text that was chosen rather than typed."""


def use_typed(first: str = "") -> Typed:
    """State of one text field: give it `shown` and `edit`, and read `now()`, without blanks, in handlers."""
    shown, show = ft.use_state(first)
    newest = ft.use_ref(first)

    def edit(event: ft.Event[ft.TextField]) -> None:
        newest.current = text_of(event)
        show(newest.current)

    def put(text: str) -> None:
        newest.current = text
        show(text)

    def now() -> str:
        return (newest.current or "").strip()

    return Typed(shown, now, edit, put)
