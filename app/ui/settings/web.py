"""What the network is reached through."""

from collections.abc import Callable
from typing import cast

import flet as ft

from app.services.settings import SettingsService
from app.ui.actions import use_action
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.section import Section
from app.ui.kit.typed import use_typed
from app.ui.texts import text
from app.ui.training.watching import use_answer


@ft.component
def Web(settings: SettingsService) -> ft.Control:
    """The proxy is kept by a button."""
    saved, set_saved = ft.use_state(cast(str | None, None))
    use_answer(lambda: settings.proxy, set_saved, on=())
    return Section(
        text("settings.proxy.title"),
        [Proxy(settings, saved, set_saved) if saved is not None else ft.Container(visible=False)],
        subtitle=text("settings.proxy.subtitle"),
    )


@ft.component
def Proxy(settings: SettingsService, saved: str, on_saved: Callable[[str], None]) -> ft.Control:
    address = use_typed(saved)
    save = use_action(lambda: settings.set_proxy(address.now()), on_done=lambda _: on_saved(address.now()))
    return ft.Column(
        [
            ft.Row(
                [
                    ft.TextField(
                        label=text("settings.proxy.field"),
                        value=address.shown,
                        hint_text="http://proxy.example:3128",
                        helper=text("settings.proxy.help"),
                        on_change=address.edit,
                        on_submit=save.run,
                        expand=True,
                    ),
                    ft.OutlinedButton(
                        text("settings.proxy.save"),
                        disabled=save.is_busy or address.shown.strip() == saved,
                        on_click=save.run,
                    ),
                ],
                vertical_alignment=ft.CrossAxisAlignment.START,
            ),
            ErrorBanner(save.problem, on_dismiss=save.dismiss),
        ],
        tight=True,
    )
