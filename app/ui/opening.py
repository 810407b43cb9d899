"""From a served page to a usable one: open the store off the event loop, or say why it cannot be opened."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import flet as ft

from app.paths import Paths
from app.services.everything import Services
from app.ui.actions import use_action
from app.ui.kit.error_banner import ErrorBanner
from app.ui.theme import SPACE, show_mode

log = logging.getLogger(__name__)


class Opening:
    """Builds the services once for all windows of this process. Thread-safe; a failure can be tried again."""

    def __init__(self, build: Callable[[], Services]) -> None:
        self._build = build
        self._lock = threading.Lock()
        self._services: Services | None = None
        self.was_shown = False

    def services(self) -> Services:
        """Blocking. Raises what `build` raises."""
        with self._lock:
            if self._services is None:
                services = self._build()
                _try("The sample was not imported", services.library.ensure_sample)
                threading.Thread(
                    target=_try,
                    args=("The runs were not refreshed", services.monitoring.refresh_all),
                    name="refresh-runs-at-start",
                    daemon=True,
                ).start()
                self._services = services
            return self._services


def _try(failure: str, work: Callable[[], object]) -> None:
    """Neither the sample nor an unreachable target may keep the app from opening."""
    try:
        work()
    except Exception:
        log.exception("%s at start", failure)


@dataclass(frozen=True)
class _Ready:
    """All that is needed to show the app."""

    services: Services
    theme: str
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

        return _Ready(services, services.settings.theme, Root)

    def loaded(result: _Ready) -> None:
        show_mode(page, result.theme)
        set_ready(result)

    start = use_action(load, loaded)
    ft.use_effect(start.run, dependencies=[], cleanup=_nothing)

    if ready is not None:
        return cast(ft.Control, ready.root(ready.services, paths))
    if start.problem is not None:
        return _centered(ErrorBanner(start.problem, retry=("Try again", start.run)))
    return _centered(
        ft.Column(
            [ft.ProgressRing(semantics_label="Opening"), ft.Text("Opening…")],
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
