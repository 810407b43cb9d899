"""A state as an icon, a word and a colour: never by colour alone."""

from typing import Final, Literal

import flet as ft

Tone = Literal["neutral", "active", "good", "warning", "bad"]

_LOOKS: Final = {
    "neutral": (ft.Icons.CIRCLE_OUTLINED, ft.Colors.SURFACE_CONTAINER_HIGH, ft.Colors.ON_SURFACE),
    "active": (ft.Icons.PLAY_CIRCLE_OUTLINE, ft.Colors.PRIMARY_CONTAINER, ft.Colors.ON_PRIMARY_CONTAINER),
    "good": (ft.Icons.CHECK_CIRCLE_OUTLINE, ft.Colors.SECONDARY_CONTAINER, ft.Colors.ON_SECONDARY_CONTAINER),
    "warning": (ft.Icons.WARNING_AMBER, ft.Colors.TERTIARY_CONTAINER, ft.Colors.ON_TERTIARY_CONTAINER),
    "bad": (ft.Icons.ERROR_OUTLINE, ft.Colors.ERROR_CONTAINER, ft.Colors.ON_ERROR_CONTAINER),
}


def StatusPill(text: str, tone: Tone = "neutral", *, icon: ft.IconData | None = None) -> ft.Control:
    """A small rounded label. `icon` replaces the tone's own."""
    own_icon, background, color = _LOOKS[tone]
    return ft.Container(
        ft.Row(
            [
                ft.Icon(icon or own_icon, size=16, color=color),
                ft.Text(text, theme_style=ft.TextThemeStyle.LABEL_MEDIUM, color=color),
            ],
            spacing=6,
            tight=True,
        ),
        bgcolor=background,
        border_radius=999,
        padding=ft.Padding.symmetric(horizontal=10, vertical=4),
    )
