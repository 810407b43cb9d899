"""What a person entered, as an event brings it.

Never read it from `event.control`: Flet 1.0.5 receives the new value and the event as two messages. If a view
is drawn anew between them, the control is back at its old value, and what was typed would be lost.
"""

from typing import Any

import flet as ft


def text_of(event: ft.Event[Any]) -> str:
    """The text of a field, or the key of a dropdown's option."""
    return str(event.data or "")


def is_on(event: ft.Event[Any]) -> bool:
    """Whether a switch or a checkbox is on now."""
    return bool(event.data)


def first_of(event: ft.Event[Any]) -> str:
    """The chosen segment; empty if none is."""
    chosen: list[str] = event.data or []
    return chosen[0] if chosen else ""
