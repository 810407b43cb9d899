"""A fact with its name."""

import flet as ft

from app.ui.kit.selectable import Selectable
from app.ui.theme import CODE_FONT


def LabeledValue(
    label: str, value: str, *, is_code: bool = False, trailing: ft.Control | None = None
) -> ft.Control:
    """The name small above the value; the value can be selected. `is_code` for paths and ids."""
    texts = ft.Column(
        [
            ft.Text(label, theme_style=ft.TextThemeStyle.LABEL_MEDIUM, color=ft.Colors.ON_SURFACE_VARIANT),
            Selectable(ft.Text(value, font_family=CODE_FONT if is_code else None)),
        ],
        spacing=2,
        tight=True,
        expand=trailing is not None,
    )
    return ft.Row([texts, trailing]) if trailing is not None else texts
