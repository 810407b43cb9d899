"""From a served page to a usable one: open the store off the event loop, or say why it cannot be opened."""

import logging
import threading
from collections.abc import Callable
from typing import cast

import flet as ft

from app.paths import Paths
from app.services.everything import Services
from app.ui.actions import use_action
from app.ui.kit.error_banner import ErrorBanner
from app.ui.root import Root
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


@ft.component
def OpeningPage(opening: Opening, paths: Paths) -> ft.Control:
    """A moment of "Opening…", then the app; or the error with another try."""
    services, set_services = ft.use_state(cast(Services | None, None))
    page = ft.context.page

    def load() -> tuple[Services, str]:
        ready = opening.services()
        return ready, ready.settings.theme

    def loaded(result: tuple[Services, str]) -> None:
        show_mode(page, result[1])
        set_services(result[0])

    start = use_action(load, loaded)
    ft.use_effect(start.run, dependencies=[], cleanup=_nothing)

    if services is not None:
        return Root(services, paths)
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
