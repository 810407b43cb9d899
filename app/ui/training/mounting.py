"""How components are put on the screen: under a key, and perhaps drawn anew only if what they show changes.

Flet adds `key` to every component and `memo` to the API, but neither is in its type hints (1.0.5).
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, ParamSpec, TypeVar, cast

import flet as ft

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Unwatched(Generic[T]):
    """Hands an observable on to a component that is not to be drawn anew with each of its changes."""

    value: T


def keyed(component: Callable[P, ft.Control], key: str, *args: P.args, **kwargs: P.kwargs) -> ft.Control:
    """Mount `component` under `key`: another key is another instance, with state of its own."""
    return cast(Any, component)(*args, **kwargs, key=key)  # type: ignore[no-any-return]


def memoised(component: Callable[P, ft.Control], key: str, *args: P.args, **kwargs: P.kwargs) -> ft.Control:
    """As `keyed`, and left alone while its arguments stay equal; its own state still redraws it."""
    memo = cast(Any, ft.memo)
    return memo(component)(*args, **kwargs, key=key)  # type: ignore[no-any-return]


def drawn(key: str, depends: Hashable, build: Callable[[], ft.Control]) -> ft.Control:
    """What `build` makes, made again only when `depends` changes, which must hold all that it shows.

    `build` may use hooks. Of calls with equal `depends` the first one's `build` counts, so what it refers to
    must stay good: an observable draft, setters of state.
    """
    return memoised(_Drawn, key, _Drawing(depends, build))


@dataclass(frozen=True)
class _Drawing:
    """Equal to another as long as it would look the same."""

    depends: Hashable
    build: Callable[[], ft.Control] = field(compare=False)


@ft.component
def _Drawn(drawing: _Drawing) -> ft.Control:
    return drawing.build()
