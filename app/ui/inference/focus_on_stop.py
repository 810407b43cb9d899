"""Where the keyboard's focus is while an answer comes: the button that asked cannot be pressed meanwhile."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import flet as ft

from app.ui.kit.focusing import FocusPlace

_LOOKS: Final = 10
_LOOK_SECONDS: Final = 0.1


@dataclass(eq=False)
class FocusOnStop:
    """From the button that was pressed it goes to Stop, and from there to `back`, or where that button said.

    Who has moved the focus meanwhile keeps it. Stop is a `StopButton`.
    """

    stop: FocusPlace = field(default_factory=FocusPlace)
    back: FocusPlace = field(default_factory=FocusPlace)
    _is_ours: bool = False
    _then: FocusPlace | None = None

    def pressed(self, then: FocusPlace | None = None) -> None:
        """A button has just begun an answer. Not told where Enter in a field does: that keeps the focus."""
        self._is_ours, self._then = True, then

    def on_stop_blur(self, _: Any) -> None:
        self._is_ours = False

    async def follow(self, *, is_busy: bool) -> None:
        """Told when an answer begins and when it has ended."""
        if not self._is_ours:
            return
        if is_busy:
            await self.stop.take()
        else:
            self._is_ours = False  # Stop is gone, which it tells as well
            await _take_and_keep(self._then or self.back)


async def _take_and_keep(place: FocusPlace) -> None:
    """The window hides Stop a moment later, or had it only then: the focus goes elsewhere with that."""
    if not place.has_it:  # asked for once more, a field would drop what is being typed into it
        await place.take()
    for _ in range(_LOOKS):
        await asyncio.sleep(_LOOK_SECONDS)
        if not place.has_it:
            await place.take()
            return


def StopButton(
    focus: FocusOnStop, label: str, on_click: Callable[..., object], *, visible: bool
) -> ft.Control:
    return ft.OutlinedButton(
        label,
        icon=ft.Icons.STOP,
        ref=focus.stop.ref,
        on_focus=focus.stop.on_focus,
        on_blur=focus.on_stop_blur,
        on_click=on_click,
        visible=visible,
    )


def use_focus_on_stop(*, is_busy: bool) -> FocusOnStop:
    """One that stays as long as the component, which is drawn anew when `is_busy` changes."""
    focus = ft.use_memo(FocusOnStop, dependencies=[])

    async def follow() -> None:
        await focus.follow(is_busy=is_busy)

    # Flet 1.0.5 cancels an async effect on unmount only if the effect has a cleanup.
    ft.use_effect(follow, dependencies=[is_busy], cleanup=lambda: None)
    return focus
