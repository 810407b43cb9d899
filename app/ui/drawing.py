"""A part of the window that cannot be drawn says so in its place, and the rest goes on.

Flet 1.0.5 draws all of a window in one task: what a component raises while it is drawn ends that task, the
window stands still for good, and nothing says why.
"""

import functools
import logging
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import flet as ft
from flet.components.component import Component, Renderer

from app.ui.actions import Problem
from app.ui.kit.error_banner import ErrorBanner
from app.ui.texts import text

log = logging.getLogger(__name__)

_log_folders: Final[weakref.WeakKeyDictionary[Any, Path]] = weakref.WeakKeyDictionary()
"""For each guarded window's session: where its owner finds the details."""


def guard_drawing(page: ft.Page, logs: Path) -> None:
    """From now on no failure while drawing ends this window's drawing.

    Args:
        logs: The folder the person is pointed to.
    """
    _log_folders[page.session] = logs
    if not hasattr(Renderer.render, "__wrapped__"):
        Renderer.render = _with_a_stand_in(Renderer.render)  # type: ignore[method-assign]
        Component.update = _logged(Component.update)  # type: ignore[method-assign]


def _with_a_stand_in(render: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(render)
    def guarded(renderer: Renderer, draw: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        try:
            return render(renderer, draw, *args, **kwargs)
        except Exception:
            logs = _guarded()
            if logs is None:
                raise
            log.exception("%s could not be drawn", getattr(draw, "__name__", draw))
            hint = text("window.errors.not_drawn_hint", log=logs)
            return ErrorBanner(Problem(text("window.errors.not_drawn"), hint))

    return guarded


def _logged(update: Callable[..., None]) -> Callable[..., None]:
    """What fails between the parts, as a property that cannot be sent: the old picture stays."""

    @functools.wraps(update)
    def guarded(component: Component) -> None:
        try:
            update(component)
        except Exception:
            if _guarded() is None:
                raise
            log.exception("A change of %s could not be shown", component)

    return guarded


def _guarded() -> Path | None:
    return _log_folders.get(ft.context.page.session)
