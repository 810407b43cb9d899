"""How Tunewright looks: petrol ink on warm paper, a copper accent, quiet surfaces; light and dark.

Every text colour reaches at least 4.5:1 on the surface it is used on (WCAG 2 AA).
"""

from typing import Final

import flet as ft

TEXT_FONT: Final = "Inter"
CODE_FONT: Final = "JetBrains Mono"

FONTS: Final = {
    TEXT_FONT: "fonts/Inter-Regular.otf",
    f"{TEXT_FONT} Medium": "fonts/Inter-Medium.otf",
    f"{TEXT_FONT} SemiBold": "fonts/Inter-SemiBold.otf",
    CODE_FONT: "fonts/JetBrainsMono-Regular.ttf",
}
"""Family → file under `assets`. Flet gives every file a family of its own, so weights are families too."""

GAP: Final = 8
SPACE: Final = 16
PAGE_PADDING: Final = 24
RADIUS: Final = 12
COMPACT: Final = ft.ButtonStyle(padding=ft.Padding.symmetric(horizontal=10, vertical=8))
"""Of buttons that stand beside the one that counts."""
_BODY: Final = 14
NARROW_BELOW: Final = 700
"""Window width in logical pixels under which the rail becomes a bar at the bottom."""

_LIGHT: Final = ft.ColorScheme(
    primary="#0B5A5E",
    on_primary="#FFFFFF",
    primary_container="#C9E8E6",
    on_primary_container="#06363A",
    secondary="#47615F",
    on_secondary="#FFFFFF",
    secondary_container="#DCE9E6",
    on_secondary_container="#1B3533",
    tertiary="#93501C",
    on_tertiary="#FFFFFF",
    tertiary_container="#FBDFC8",
    on_tertiary_container="#552A08",
    error="#B3261E",
    on_error="#FFFFFF",
    error_container="#FBE1DE",
    on_error_container="#6B130D",
    surface="#FBFAF6",
    on_surface="#1B2021",
    on_surface_variant="#4B5554",
    surface_container_lowest="#FFFFFF",
    surface_container_low="#F6F4EE",
    surface_container="#F1EFE8",
    surface_container_high="#EBE9E1",
    surface_container_highest="#E4E2D9",
    outline="#6F7A78",
    outline_variant="#D6D5CC",
    inverse_surface="#2C3233",
    on_inverse_surface="#F3F1EA",
    inverse_primary="#84D2CF",
    surface_tint="#FBFAF6",
)

_DARK: Final = ft.ColorScheme(
    primary="#84D2CF",
    on_primary="#00373A",
    primary_container="#0F4C50",
    on_primary_container="#C9E8E6",
    secondary="#B4CCC9",
    on_secondary="#1F3533",
    secondary_container="#2F4644",
    on_secondary_container="#DCE9E6",
    tertiary="#F2B58A",
    on_tertiary="#4C2507",
    tertiary_container="#6A3A14",
    on_tertiary_container="#FBDFC8",
    error="#F5B4AE",
    on_error="#5F0F0A",
    error_container="#6E1D17",
    on_error_container="#FBE1DE",
    surface="#121617",
    on_surface="#E7E6E0",
    on_surface_variant="#B9C2C0",
    surface_container_lowest="#191E1F",
    surface_container_low="#171B1C",
    surface_container="#1D2324",
    surface_container_high="#252B2C",
    surface_container_highest="#2F3637",
    outline="#8B9593",
    outline_variant="#384040",
    inverse_surface="#E7E6E0",
    on_inverse_surface="#2C3233",
    inverse_primary="#0B5A5E",
    surface_tint="#121617",
)


def dress(page: ft.Page, percent: int = 100) -> None:
    """Give a page the fonts and both themes, with texts that much larger."""
    page.fonts = dict(FONTS)
    page.theme = _theme(_LIGHT, percent / 100)
    page.dark_theme = _theme(_DARK, percent / 100)


def show_mode(page: ft.Page, theme: str) -> None:
    """Switch to "system", "light" or "dark"."""
    page.theme_mode = ft.ThemeMode(theme)
    page.update()


def show_text_size(page: ft.Page, percent: int) -> None:
    dress(page, percent)
    page.update()


def text_scale(page: ft.Page) -> float:
    """How much larger than usual texts are by the choice in Settings; a width asked for is as much more."""
    style = page.theme and page.theme.text_theme and page.theme.text_theme.body_medium
    return float(style.size or _BODY) / _BODY if style else 1.0


def _theme(colors: ft.ColorScheme, scale: float = 1.0) -> ft.Theme:
    rounded = ft.RoundedRectangleBorder(radius=RADIUS - 4)
    label = ft.TextStyle(size=_BODY * scale, font_family=f"{TEXT_FONT} Medium")
    button = ft.ButtonStyle(
        shape=rounded, text_style=label, padding=ft.Padding.symmetric(horizontal=18, vertical=12)
    )
    return ft.Theme(
        color_scheme=colors,
        font_family=TEXT_FONT,
        scaffold_bgcolor=colors.surface,
        text_theme=_text_theme(colors, scale),
        filled_button_theme=ft.FilledButtonTheme(style=button),
        outlined_button_theme=ft.OutlinedButtonTheme(style=button),
        text_button_theme=ft.TextButtonTheme(style=button),
        chip_theme=ft.ChipTheme(
            bgcolor=colors.surface, border_side=ft.BorderSide(1, colors.outline_variant or "")
        ),
        divider_theme=ft.DividerTheme(color=colors.outline_variant, thickness=1, space=1),
        navigation_rail_theme=ft.NavigationRailTheme(bgcolor=colors.surface_container_low),
        visual_density=ft.VisualDensity.STANDARD,
    )


def _text_theme(colors: ft.ColorScheme, scale: float) -> ft.TextTheme:
    def style(
        size: float, weight: str = "", *, letter_spacing: float = 0, height: float | None = None
    ) -> ft.TextStyle:
        # Flet 1.0.5 fills nothing in: a style without colour is black in the dark, one without family Roboto.
        family = f"{TEXT_FONT} {weight}".strip()
        return ft.TextStyle(
            size=size * scale,
            font_family=family,
            color=colors.on_surface,
            letter_spacing=letter_spacing,
            height=height,
        )

    return ft.TextTheme(
        headline_small=style(24, "SemiBold", letter_spacing=-0.4),
        title_large=style(20, "SemiBold", letter_spacing=-0.2),
        title_medium=style(16, "SemiBold"),
        title_small=style(14, "SemiBold"),
        body_large=style(15, height=1.45),
        body_medium=style(_BODY, height=1.45),
        body_small=style(12.5, height=1.4),
        label_large=style(14, "Medium"),
        label_medium=style(12.5, "Medium"),
        label_small=style(11.5, "Medium"),
    )
