"""What a person entered, as an event brings it.

Never read it from `event.control`: Flet 1.0.5 receives the new value and the event as two messages. If a view
is drawn anew between them, the control is back at its old value, and what was typed would be lost.
"""

from typing import Any, Final

import flet as ft

_MOST_DIGITS: Final = 15


def text_of(event: ft.Event[Any]) -> str:
    """The text of a field, or the key of a dropdown's option."""
    return str(event.data or "")


def whole(typed: str) -> int | None:
    """The whole number that was typed; None for anything else, and for more digits than anything here has.

    Python's `int` raises at the 4,301st digit.
    """
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) <= _MOST_DIGITS else None


def is_on(event: ft.Event[Any]) -> bool:
    """Whether a switch or a checkbox is on now."""
    return bool(event.data)


def first_of(event: ft.Event[Any]) -> str:
    """The chosen segment; empty if none is."""
    chosen: list[str] = event.data or []
    return chosen[0] if chosen else ""
