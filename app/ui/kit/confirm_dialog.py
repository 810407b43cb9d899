"""Ask before something cannot be undone."""

from collections.abc import Callable
from typing import Any

import flet as ft

from app.ui.actions import Problem
from app.ui.kit.error_banner import ErrorBanner
from app.ui.texts import text
from app.ui.theme import GAP


def ConfirmDialog(
    title: str,
    said: str,
    *,
    confirm: str,
    on_confirm: Callable[[], Any],
    on_cancel: Callable[[], Any],
    is_busy: bool = False,
    problem: Problem | None = None,
    is_dangerous: bool = True,
    extra: ft.Control | None = None,
) -> ft.AlertDialog:
    """A question for `ft.use_dialog`; Escape and a click beside it cancel.

    `confirm` names the act ("Delete"), never "OK". `extra` goes under the text: a checkbox, a field. While
    `is_busy` a click that was on its way before the button was seen to be off does nothing.
    """
    body = [ft.Text(said), *([extra] if extra else []), ErrorBanner(problem)]
    return ft.AlertDialog(
        title=ft.Text(title, theme_style=ft.TextThemeStyle.TITLE_LARGE),
        content=ft.Container(ft.Column(body, tight=True, spacing=GAP * 1.5), width=420),
        actions=[
            ft.TextButton(text("window.kit.cancel"), autofocus=is_dangerous, on_click=on_cancel),
            ft.FilledButton(
                confirm,
                disabled=is_busy,
                on_click=None if is_busy else on_confirm,
                bgcolor=ft.Colors.ERROR if is_dangerous else None,
                color=ft.Colors.ON_ERROR if is_dangerous else None,
            ),
        ],
        on_dismiss=on_cancel,
    )
