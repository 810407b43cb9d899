"""The focus, to a button that has only just come or just become able to be pressed."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import flet as ft

_TRIES: Final = 20
_SECONDS: Final = 0.05


@dataclass
class FocusPlace:
    """Of a button: `ref` and `on_focus` are given to it, then `take` moves the focus there.

    Flet 1.0.5's `focus` comes to nothing, and does not say so, where the client has not yet drawn what was
    sent just before. So it is asked again until the button tells that it has the focus, for a second.
    """

    ref: "ft.Ref[Any]" = field(default_factory=ft.Ref)
    has_it: bool = False

    def on_focus(self, _: Any) -> None:
        self.has_it = True

    def on_blur(self, _: Any) -> None:
        """Given as well where somebody asks whether it has the focus still."""
        self.has_it = False

    async def take(self, is_wanted: Callable[[], bool] = lambda: True) -> None:
        """Until it is there, or is no longer wanted."""
        self.has_it = False
        for _ in range(_TRIES):
            button: Any = self.ref.current
            if button is None or not is_wanted():
                return
            await button.focus()
            await asyncio.sleep(_SECONDS)
            if self.has_it:
                return


def use_focus_place() -> FocusPlace:
    """One that stays as long as the component."""
    make: Callable[[], FocusPlace] = FocusPlace
    return ft.use_memo(make, dependencies=[])
