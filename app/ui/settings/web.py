"""What the network is reached through."""

from collections.abc import Callable
from typing import cast

import flet as ft

from app.services.settings import SettingsService
from app.ui.kit.section import Section
from app.ui.settings.saved_field import SavedField
from app.ui.texts import text
from app.ui.training.watching import use_answer


@ft.component
def Web(settings: SettingsService) -> ft.Control:
    """The proxy is kept by a button."""
    saved, set_saved = ft.use_state(cast(str | None, None))
    use_answer(lambda: settings.proxy, set_saved, on=())
    return Section(
        text("settings.proxy.title"),
        [_proxy(settings, saved, set_saved) if saved is not None else ft.Container(visible=False)],
        subtitle=text("settings.proxy.subtitle"),
    )


def _proxy(settings: SettingsService, saved: str, on_saved: Callable[[str], None]) -> ft.Control:
    return SavedField(
        saved,
        settings.set_proxy,
        on_saved,
        text("settings.proxy.save"),
        label=text("settings.proxy.field"),
        hint_text="http://proxy.example:3128",
        helper=text("settings.proxy.help"),
    )
