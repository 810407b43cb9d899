"""Where the keyboard's focus is while an answer comes: the button that asked cannot be pressed meanwhile."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, cast

import flet as ft

from app.ui.kit.focusing import FocusPlace

_LOOKS: Final = 10
_LOOK_SECONDS: Final = 0.1


@ft.observable
@dataclass(eq=False)
class FocusOnStop:
    """From the button that was pressed it goes to Stop, and from there to `back`, or where that button said.

    Never from anything else: who has moved the focus meanwhile keeps it, for a space that is typed would
    press the button that took it. Stop is a `StopButton`; fields beside it tell of `focused` and `typed`.
    """

    has_stop: bool = False
    """Stop has the focus. It stays in sight as long: else the focus would go no one knows where."""
    stop: FocusPlace = field(default_factory=FocusPlace)
    back: FocusPlace = field(default_factory=FocusPlace)
    _is_ours: bool = False
    _is_over: bool = True
    _then: FocusPlace | None = None

    def pressed(self, then: FocusPlace | None = None) -> None:
        """A button begins an answer, perhaps in a moment; `typed` where it comes to nothing. Not told where
        Enter in a field does: that keeps the focus."""
        self._is_ours, self._then = True, then

    def typed(self) -> None:
        self._is_ours = False

    def focused(self, _: Any) -> None:
        """A field has the focus. While an answer comes that may be by itself: the button gave it up."""
        if self._is_over:
            self._is_ours = False

    def on_stop_focus(self, _: Any) -> None:
        self.stop.has_it = self.has_stop = True

    def on_stop_blur(self, _: Any) -> None:
        self.stop.has_it = self.has_stop = self._is_ours = False

    async def follow(self, *, is_busy: bool) -> None:
        """Told when an answer begins and when it has ended."""
        if is_busy:
            self._is_over = False
            await self.stop.take(lambda: self._is_ours)
            return
        self._is_over = True
        place = self._then or self.back
        if not self.has_stop and self._is_ours and not place.has_it:  # Stop was there too short a time
            await place.take(lambda: self._is_ours)
        await self._take_from_stop(place)
        self.has_stop = self._is_ours = False

    async def _take_from_stop(self, place: FocusPlace) -> None:
        """It may have got the focus only now: what asked for that was under way."""
        for _ in range(_LOOKS):
            if self.has_stop:
                await place.take(lambda: self.has_stop)
            if not self._is_ours:
                return
            await asyncio.sleep(_LOOK_SECONDS)


def StopButton(
    focus: FocusOnStop, label: str, on_click: Callable[..., object], *, is_busy: bool
) -> ft.Control:
    return ft.OutlinedButton(
        label,
        icon=ft.Icons.STOP,
        ref=focus.stop.ref,
        on_focus=focus.on_stop_focus,
        on_blur=focus.on_stop_blur,
        on_click=on_click,
        visible=is_busy or focus.has_stop,
    )


def use_focus_on_stop(*, is_busy: bool) -> FocusOnStop:
    """One that stays as long as the component, which is drawn anew when `is_busy` changes."""
    make = cast(Any, FocusOnStop)  # a class that is observable is no callable for Flet's type hints
    focus: FocusOnStop = ft.use_state(make)[0]

    async def follow() -> None:
        await focus.follow(is_busy=is_busy)

    # Flet 1.0.5 cancels an async effect on unmount only if the effect has a cleanup.
    ft.use_effect(follow, dependencies=[is_busy], cleanup=lambda: None)
    return focus
