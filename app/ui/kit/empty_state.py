"""What a place is for while nothing is in it."""

import flet as ft

from app.ui.theme import GAP


def EmptyState(icon: ft.IconData, title: str, text: str, action: ft.Control | None = None) -> ft.Control:
    """An icon, a title, a sentence and perhaps the button to begin with."""
    lines: list[ft.Control] = [
        ft.Container(
            ft.Icon(icon, size=32, color=ft.Colors.ON_PRIMARY_CONTAINER),
            bgcolor=ft.Colors.PRIMARY_CONTAINER,
            border_radius=20,
            padding=16,
        ),
        ft.Text(title, theme_style=ft.TextThemeStyle.TITLE_MEDIUM, text_align=ft.TextAlign.CENTER),
        ft.Container(
            ft.Text(text, color=ft.Colors.ON_SURFACE_VARIANT, text_align=ft.TextAlign.CENTER), width=420
        ),
    ]
    if action is not None:
        lines.append(action)
    column = ft.Column(
        lines, horizontal_alignment=ft.CrossAxisAlignment.CENTER, spacing=GAP * 1.5, tight=True
    )
    return ft.Container(column, alignment=ft.Alignment.CENTER, padding=32)
