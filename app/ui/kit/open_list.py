"""The list that was opened by a key and is still open: Flet 1.0.5 tells nobody when Escape closes it."""

import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import flet as ft

_OPENS: Final = ("Enter", "Numpad Enter", " ", "Space", "Arrow Down", "Arrow Up")
_MOVES: Final = ("Arrow Down", "Arrow Up", "Home", "End", "Page Up", "Page Down", "Tab")
"""These leave a list open."""
_SECONDS: Final = 2.0
"""A list that opens so soon after such a key was opened by it, not by a pointer, which needs no focus."""


@dataclass
class _Keys:
    """Of one page: when a key was last pressed that opens a list, and whom Escape concerns."""

    opened_at: float = float("-inf")
    on_escape: Callable[[], Any] | None = None


_KNOWN: Final[weakref.WeakKeyDictionary[Any, _Keys]] = weakref.WeakKeyDictionary()


def list_opened(page: ft.Page, on_escape: Callable[[], Any]) -> None:
    """Call `on_escape` if that is the key that ends it. A list opened by a pointer is left alone."""
    keys = _KNOWN.setdefault(page, _Keys())
    if time.monotonic() - keys.opened_at < _SECONDS:
        keys.on_escape = on_escape


def key_pressed(page: ft.Page, key: str) -> None:
    """To be told of every key, also while a dialog is open."""
    keys = _KNOWN.setdefault(page, _Keys())
    if key in _OPENS:
        keys.opened_at = time.monotonic()
    if key in _MOVES:
        return
    on_escape, keys.on_escape = keys.on_escape, None
    if key == "Escape" and on_escape is not None:
        on_escape()
