"""How components are put on the screen: under a key, and perhaps redrawn only when an argument changes.

Flet adds `key` to every component and `memo` to the API, but neither is in its type hints (1.0.5).
"""

from collections.abc import Callable
from typing import Any, ParamSpec, cast

import flet as ft

P = ParamSpec("P")


def keyed(component: Callable[P, ft.Control], key: str, *args: P.args, **kwargs: P.kwargs) -> ft.Control:
    """Mount `component` under `key`: another key is another instance, with state of its own."""
    return cast(Any, component)(*args, **kwargs, key=key)  # type: ignore[no-any-return]


def memoised(component: Callable[P, ft.Control], key: str, *args: P.args, **kwargs: P.kwargs) -> ft.Control:
    """As `keyed`, and left alone while its arguments stay equal; its own state still redraws it."""
    memo = cast(Any, ft.memo)
    return memo(component)(*args, **kwargs, key=key)  # type: ignore[no-any-return]
