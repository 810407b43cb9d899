"""Places that F6 jumps to, one after another: Tab goes through everything that lies in between."""

import weakref
from collections.abc import Callable
from typing import Any, Final

import flet as ft

_Places = dict[str, "ft.Ref[Any]"]

_KNOWN: Final[weakref.WeakKeyDictionary[Any, _Places]] = weakref.WeakKeyDictionary()
"""Page → the landmarks that are mounted on it, by name."""


def use_landmark(name: str) -> "ft.Ref[Any]":
    """Give this as `ref` to a control that can take the focus. `name` also decides the order."""
    places = _KNOWN.setdefault(ft.context.page, {})
    here = ft.use_memo(ft.Ref[Any], dependencies=[])

    def appear() -> Callable[[], None]:
        places[name] = here
        return leave

    def leave() -> None:
        if places.get(name) is here:
            del places[name]

    ft.use_effect(appear, dependencies=[name])
    return here


class LandmarkTour:
    """Which landmark comes next, of those of one tab."""

    def __init__(self) -> None:
        self._last = ""

    async def go_on(self, page: Any, tab: str) -> None:
        """Move the focus to the next landmark whose name starts with the tab's; after the last the first."""
        places = _KNOWN.get(page, {})
        names = sorted(name for name in places if name.startswith(f"{tab}-"))
        if not names:
            return
        self._last = next((name for name in names if name > self._last), names[0])
        if (control := places[self._last].current) is not None:
            await control.focus()
