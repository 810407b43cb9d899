"""A tab's title and what it is for."""

import flet as ft


def PageHeading(title: str, text: str, *, trailing: ft.Control | None = None) -> ft.Control:
    """`trailing` sits at the end of the line, for the tab's main button."""
    words = ft.Column(
        [
            ft.Semantics(
                content=ft.Text(title, theme_style=ft.TextThemeStyle.HEADLINE_SMALL),
                header=True,
                heading_level=1,
            ),
            ft.Text(text, color=ft.Colors.ON_SURFACE_VARIANT),
        ],
        spacing=2,
        tight=True,
        expand=True,
    )
    return ft.Row([words, trailing] if trailing is not None else [words])
