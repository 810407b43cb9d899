"""From a served page to a usable one: a moment of "Opening…", then the app, or why it cannot be opened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import flet as ft

from app.paths import Paths
from app.ui.actions import use_action
from app.ui.kit.error_banner import ErrorBanner
from app.ui.opening import Opening
from app.ui.texts import read_all, text
from app.ui.theme import SPACE, show_mode, show_text_size

if TYPE_CHECKING:
    from app.services.everything import Services

_FIRST_SECONDS: Final = 3.0
"""In which the tabs load what they show first."""


@dataclass(frozen=True)
class _Ready:
    """All that is needed to show the app."""

    services: Services
    theme: str
    text_size: int
    root: Callable[[Services, Paths], Any]


@ft.component
def OpeningPage(opening: Opening, paths: Paths) -> ft.Control:
    """A moment of "Opening…", then the app; or the error with another try."""
    ready, set_ready = ft.use_state(cast(_Ready | None, None))
    page = ft.context.page

    def load() -> _Ready:
        services = opening.services()
        # Imported off the event loop, after the first page: the tabs take longer to load than that page.
        from app.ui.root import Root  # noqa: PLC0415

        read_all()
        return _Ready(services, services.settings.theme, services.settings.text_size, Root)

    def loaded(result: _Ready) -> None:
        show_mode(page, result.theme)
        if result.text_size != 100:
            show_text_size(page, result.text_size)
        set_ready(result)

    async def settle() -> None:
        if ready is not None:
            await asyncio.sleep(_FIRST_SECONDS)
            opening.settle()

    start = use_action(load, loaded)
    ft.use_effect(start.run, dependencies=[], cleanup=_nothing)
    ft.use_effect(settle, dependencies=[ready], cleanup=_nothing)

    if ready is not None:
        return cast(ft.Control, ready.root(ready.services, paths))
    if start.problem is not None:
        return _centered(ErrorBanner(start.problem, retry=(text("window.opening.again"), start.run)))
    return _centered(
        ft.Column(
            [
                ft.ProgressRing(semantics_label=text("window.opening.progress")),
                ft.Text(text("window.opening.opening")),
            ],
            horizontal_alignment=ft.CrossAxisAlignment.CENTER,
            spacing=SPACE,
            tight=True,
        )
    )


def _centered(content: ft.Control) -> ft.Control:
    return ft.Container(
        ft.Container(content, width=520, alignment=ft.Alignment.CENTER),
        alignment=ft.Alignment.CENTER,
        expand=True,
        padding=SPACE,
    )


def _nothing() -> None:
    pass
