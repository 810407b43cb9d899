"""Places that F6 jumps to, one after another: Tab goes through everything that lies in between."""

import weakref
from collections.abc import Callable
from typing import Any, Final, cast

import flet as ft

TALK: Final = "talk"
"""Where "Talk to it" leads: the first question to ask. The prompt itself is no place for it: a field of
several lines takes no focus from Flet 1.0.5."""

_Places = dict[str, "ft.Ref[Any]"]

_KNOWN: Final[weakref.WeakKeyDictionary[Any, _Places]] = weakref.WeakKeyDictionary()
"""Page → the landmarks that are mounted on it, by name."""


def use_landmark(name: str) -> "ft.Ref[Any]":
    """Give this as `ref` to a control that can take the focus. Those of a tab begin with its name and a dash,
    and come in the order of their names."""
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


def scrolled_to(key: str, control: ft.Control) -> ft.Control:
    """A piece of a column that scrolls: brought into sight with a landmark that lies in it.

    The key is a mark's above it: whatever has a scroll key is mounted anew whenever Flet 1.0.5 builds it (it
    makes a GlobalKey each time), and all that lies in it loses the focus.
    """
    scroll_key = cast(Any, ft.ScrollKey)(key)  # a dataclass, but not to the type hints of Flet 1.0.5
    mark = ft.Container(height=0, key=scroll_key)
    stretched = ft.CrossAxisAlignment.STRETCH
    lines = [mark, control]
    return ft.Column(
        lines, key=f"at-{key}", spacing=0, tight=True, horizontal_alignment=stretched, data=scroll_key
    )


async def focus_on(page: Any, name: str, *, scrolls: bool = True) -> None:
    """Move the focus there, if it is on the page, and the piece it lies in to where it is seen."""
    place = _KNOWN.get(page, {}).get(name)
    if place is not None and _is_shown(place):
        shown: Any = place.current
        if scrolls:
            await _bring_into_sight(shown)
        await shown.focus()


async def scroll_to_piece(control: Any, key: str, *, milliseconds: int = 0) -> bool:
    """The piece with that key, in whatever column the control stands: one of two that scroll, or the only
    one. Whether there is such a column."""
    around = control
    while around is not None and not (isinstance(around, ft.Column) and around.scroll):
        around = around.parent
    if around is None:
        return False
    await around.scroll_to(scroll_key=key, duration=milliseconds)
    return True


async def _bring_into_sight(control: Any) -> None:
    """Of the pieces it lies in the outermost."""
    key, around = None, control
    while around is not None and not (isinstance(around, ft.Column) and around.scroll):
        key = around.data if isinstance(around.data, ft.ScrollKey) else key
        around = around.parent
    if around is not None and key is not None:
        await scroll_to_piece(around, str(key.value))


def _is_shown(place: "ft.Ref[Any]") -> bool:
    """Its component may be there without it: a run that has finished cannot be stopped any more. What cannot
    be pressed takes no focus."""
    try:
        shown = place.current
        return shown is not None and shown.page is not None and not shown.disabled
    except RuntimeError:
        return False


class LandmarkTour:
    """Which landmark comes next, of those of one tab."""

    def __init__(self) -> None:
        self._last = ""

    async def go_on(self, page: Any, tab: str) -> None:
        """Move the focus to the next landmark whose name starts with the tab's; after the last the first."""
        places = _KNOWN.get(page, {})
        names = sorted(name for name in places if name.startswith(f"{tab}-") and _is_shown(places[name]))
        if names:
            self._last = next((name for name in names if name > self._last), names[0])
            await focus_on(page, self._last)
