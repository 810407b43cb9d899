"""A titled card: the unit every tab is laid out in."""

from collections.abc import Sequence

import flet as ft

from app.ui.theme import GAP, RADIUS, SPACE


def Section(
    title: str,
    controls: Sequence[ft.Control],
    *,
    subtitle: str = "",
    trailing: ft.Control | None = None,
    expand: bool | int = False,
) -> ft.Control:
    """A card with a heading. `trailing` sits at the end of the heading's line.

    With `expand` the card fills its parent, and one of `controls` should expand too.
    """
    heading: list[ft.Control] = [
        ft.Semantics(
            content=ft.Text(title, theme_style=ft.TextThemeStyle.TITLE_MEDIUM), header=True, heading_level=2
        )
    ]
    if subtitle:
        heading.append(
            ft.Text(subtitle, theme_style=ft.TextThemeStyle.BODY_SMALL, color=ft.Colors.ON_SURFACE_VARIANT)
        )
    top: list[ft.Control] = [ft.Column(heading, spacing=2, expand=True, tight=True)]
    if trailing is not None:
        top.append(trailing)
    return Card(
        ft.Column(
            [ft.Row(top, vertical_alignment=ft.CrossAxisAlignment.START), *controls],
            spacing=GAP * 1.5,
            horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
            expand=expand,
            tight=not expand,
        ),
        expand=expand,
    )


def Card(content: ft.Control, *, expand: bool | int = False, padding: int = SPACE + 4) -> ft.Container:
    """A quiet surface with a hairline border."""
    return ft.Container(
        content,
        bgcolor=ft.Colors.SURFACE_CONTAINER_LOWEST,
        border=ft.Border.all(1, ft.Colors.OUTLINE_VARIANT),
        border_radius=RADIUS,
        padding=padding,
        expand=expand,
    )
