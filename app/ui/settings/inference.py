"""When the model that answers in chats gives its memory back."""

from collections.abc import Callable
from typing import cast

import flet as ft

from app.domain.errors import StudioError
from app.services.settings import SettingsService
from app.ui.actions import use_action
from app.ui.kit.entered import whole
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.section import Section
from app.ui.kit.text_field import TextField
from app.ui.kit.typed import use_typed
from app.ui.texts import text
from app.ui.training.watching import use_answer


@ft.component
def Inference(settings: SettingsService) -> ft.Control:
    """The minutes are kept by a button."""
    saved, set_saved = ft.use_state(cast(int | None, None))
    use_answer(lambda: settings.idle_minutes, set_saved, on=())
    return Section(
        text("settings.inference.title"),
        [IdleMinutes(settings, saved, set_saved) if saved is not None else ft.Container(visible=False)],
        subtitle=text("settings.inference.subtitle"),
    )


@ft.component
def IdleMinutes(settings: SettingsService, saved: int, on_saved: Callable[[int], None]) -> ft.Control:
    minutes = use_typed(str(saved))

    def keep() -> int:
        typed = minutes.now()
        number = whole(typed)
        if number is None:
            raise StudioError(
                text("settings.inference.no_number", typed=typed[:30]),
                text("settings.inference.what_to_type"),
            )
        settings.set_idle_minutes(number)
        return number

    save = use_action(keep, on_done=on_saved)
    return ft.Column(
        [
            ft.Row(
                [
                    TextField(
                        label=text("settings.inference.minutes"),
                        value=minutes.shown,
                        helper=text("settings.inference.never"),
                        on_change=minutes.edit,
                        on_submit=save.run,
                        expand=True,
                    ),
                    ft.OutlinedButton(
                        text("settings.inference.save"),
                        disabled=save.is_busy or minutes.shown.strip() == str(saved),
                        on_click=save.run,
                    ),
                ],
                vertical_alignment=ft.CrossAxisAlignment.START,
            ),
            ErrorBanner(save.problem, on_dismiss=save.dismiss),
        ],
        tight=True,
    )
