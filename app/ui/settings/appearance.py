"""Light, dark, or as the system has it."""

from typing import Final

import flet as ft

from app.services.settings import SettingsService
from app.ui.actions import use_action
from app.ui.kit.entered import first_of
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.kit.section import Section
from app.ui.theme import show_mode

_THEMES: Final = (
    ("system", "System", ft.Icons.BRIGHTNESS_AUTO_OUTLINED),
    ("light", "Light", ft.Icons.LIGHT_MODE_OUTLINED),
    ("dark", "Dark", ft.Icons.DARK_MODE_OUTLINED),
)


@ft.component
def Appearance(settings: SettingsService) -> ft.Control:
    """Switches at once and remembers."""
    page = ft.context.page
    theme, set_theme = ft.use_state(page.theme_mode.value if page.theme_mode else "system")
    wanted = ft.use_ref(theme)
    save = use_action(lambda: settings.set_theme(wanted.current or theme), on_done=_nothing)

    async def choose(event: ft.Event[ft.SegmentedButton]) -> None:
        wanted.current = first_of(event)
        set_theme(wanted.current)
        show_mode(page, wanted.current)
        await save.run()

    buttons = ft.SegmentedButton(
        [ft.Segment(value, icon=icon, label=ft.Text(label)) for value, label, icon in _THEMES],
        selected=[theme],
        show_selected_icon=False,
        on_change=choose,
    )
    return Section(
        "Appearance",
        [ft.Row([Identified("theme", buttons)]), ErrorBanner(save.problem, on_dismiss=save.dismiss)],
    )


def _nothing(_: object) -> None:
    pass
