"""Light, dark, or as the system has it; and how large texts are."""

from collections.abc import Callable
from typing import Final

import flet as ft

from app.services.settings import TEXT_SIZES, SettingsService
from app.ui.actions import use_action
from app.ui.kit.entered import first_of
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.identified import Identified
from app.ui.kit.section import Section
from app.ui.texts import text, text_in
from app.ui.theme import SPACE, show_mode, show_text_size, text_scale
from app.ui.training.fields import Segments

_THEMES: Final = (
    ("system", ft.Icons.BRIGHTNESS_AUTO_OUTLINED),
    ("light", ft.Icons.LIGHT_MODE_OUTLINED),
    ("dark", ft.Icons.DARK_MODE_OUTLINED),
)


@ft.component
def Appearance(settings: SettingsService, on_text_size: Callable[[], None]) -> ft.Control:
    """Switches at once and remembers. `on_text_size`: texts take more room, or less."""
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
        [
            ft.Segment(value, icon=icon, label=ft.Text(text_in("settings.themes", value)))
            for value, icon in _THEMES
        ],
        selected=[theme],
        show_selected_icon=False,
        on_change=choose,
    )
    return Section(
        text("settings.appearance.title"),
        [
            ft.Row([Identified("theme", buttons)], scroll=ft.ScrollMode.AUTO),
            ErrorBanner(save.problem, on_dismiss=save.dismiss),
            TextSize(settings, on_text_size),
        ],
    )


@ft.component
def TextSize(settings: SettingsService, on_change: Callable[[], None]) -> ft.Control:
    """Acts at once and remembers; what the system or the browser enlarges comes on top."""
    page = ft.context.page
    percent, set_percent = ft.use_state(round(100 * text_scale(page)))
    wanted = ft.use_ref(percent)
    save = use_action(lambda: settings.set_text_size(wanted.current or percent), on_done=_nothing)

    def choose(size: str) -> None:
        wanted.current = int(size)
        set_percent(wanted.current)
        show_text_size(page, wanted.current)
        on_change()
        page.run_task(save.run)

    sizes = [(str(size), text("settings.appearance.percent", size=size)) for size in TEXT_SIZES]
    return ft.Column(
        [
            Segments("text-size", text("settings.appearance.text_size"), str(percent), sizes, choose),
            ErrorBanner(save.problem, on_dismiss=save.dismiss),
        ],
        spacing=SPACE,
        tight=True,
    )


def _nothing(_: object) -> None:
    pass
