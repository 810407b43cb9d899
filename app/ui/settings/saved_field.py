"""A setting that is typed and kept by a button."""

from collections.abc import Callable
from typing import Any

import flet as ft

from app.ui.actions import use_action
from app.ui.kit.error_banner import ErrorBanner
from app.ui.kit.text_field import TextField
from app.ui.kit.typed import use_typed


@ft.component
def SavedField(
    saved: str, keep: Callable[[str], str], on_saved: Callable[[str], None], button: str, **field: Any
) -> ft.Control:
    """`keep` says what of the typed text is kept, or refuses it; `field` is more of the text field's own."""
    typed = use_typed(saved)
    save = use_action(lambda: keep(typed.now()), on_done=on_saved)
    return ft.Column(
        [
            ft.Row(
                [
                    TextField(
                        value=typed.shown,
                        on_change=typed.edit,
                        on_submit=save.run,
                        expand=True,
                        **field,
                    ),
                    ft.OutlinedButton(
                        button, disabled=save.is_busy or typed.shown.strip() == saved, on_click=save.run
                    ),
                ],
                vertical_alignment=ft.CrossAxisAlignment.START,
            ),
            ErrorBanner(save.problem, on_dismiss=save.dismiss),
        ],
        tight=True,
    )
