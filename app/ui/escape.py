"""Escape closes a dialog also where what has the focus keeps the key to itself."""

import asyncio
from typing import Any, Final

import flet as ft

_AS_USUAL_SECONDS: Final = 0.2
"""A dialog that hears the key itself has closed by then."""


class Escape:
    """Flet 1.0.5's dropdown takes Escape and does nothing with it while its list is closed, and has the focus
    nowhere once its list has closed.

    The page hears every key, but nothing tells whether a list is open, and then that alone is to close.
    It is not right after Tab, nor after another Escape.
    """

    def __init__(self) -> None:
        self._last = ("", 0)
        """Which key was the last one, and in which dialog."""

    async def press(self, page: ft.Page, key: str) -> None:
        """To be told of every key."""
        dialog = _open_dialog(page)
        last, self._last = self._last, (key, dialog._i if dialog else 0)
        if key != "Escape" or dialog is None or dialog.modal:
            return
        if last not in (("Tab", dialog._i), ("Escape", dialog._i)):
            return
        await asyncio.sleep(_AS_USUAL_SECONDS)
        still = _open_dialog(page)
        if still is not None and still._i == dialog._i:
            page.pop_dialog()


def _open_dialog(page: ft.Page) -> Any:
    """The topmost."""
    shown = (one for one in reversed(page._dialogs.controls) if one.open)
    return next((one for one in shown if isinstance(one, ft.AlertDialog)), None)
