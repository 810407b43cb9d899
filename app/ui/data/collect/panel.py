"""The form and the history, in two components: typing must not be disturbed by counts that go up."""

from collections.abc import Callable

import flet as ft

from app.domain.sessions import SessionId
from app.services.collecting import CollectingService
from app.ui.data.collect.form import CollectForm
from app.ui.data.collect.history import CollectHistory
from app.ui.theme import SPACE


@ft.component
def CollectPanel(
    collecting: CollectingService, on_show: Callable[[SessionId], None], *, is_shown: bool
) -> ft.Control:
    started, set_started = ft.use_state(0)
    return ft.Column(
        [
            CollectForm(collecting, lambda: set_started(lambda n: n + 1), is_shown=is_shown),
            CollectHistory(collecting, on_show, started=started),
        ],
        spacing=SPACE,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
