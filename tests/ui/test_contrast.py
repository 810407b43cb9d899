"""Text can be read on the surfaces it is used on, in both themes. WCAG 2.2, 1.4.3 and 1.4.11."""

import itertools

import flet as ft
import pytest

from app.ui import theme

_SURFACES = (
    "surface",
    "surface_container_lowest",
    "surface_container_low",
    "surface_container",
    "surface_container_high",
)
_TEXTS = ("on_surface", "on_surface_variant", "primary", "error", "tertiary")
_PAIRS = [
    *itertools.product(_TEXTS, _SURFACES),
    *(
        (f"on_{name}", name)
        for name in (
            "primary",
            "primary_container",
            "secondary",
            "secondary_container",
            "tertiary",
            "tertiary_container",
            "error",
            "error_container",
            "inverse_surface",
        )
    ),
]
SCHEMES = {"light": theme._LIGHT, "dark": theme._DARK}


def luminance(color: str) -> float:
    """Relative luminance of "#RRGGBB" as WCAG defines it, 0 for black to 1 for white."""
    channels = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(scheme: ft.ColorScheme, one: str, other: str) -> float:
    light, dark = sorted((luminance(getattr(scheme, name)) for name in (one, other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_measure_is_that_of_wcag():
    black_on_white = ft.ColorScheme(primary="#000000", surface="#FFFFFF")

    assert contrast(black_on_white, "primary", "surface") == pytest.approx(21)


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_text_reaches_4_5_to_1(scheme: ft.ColorScheme):
    found = {pair: round(contrast(scheme, *pair), 2) for pair in _PAIRS}

    assert {pair: ratio for pair, ratio in found.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_the_borders_of_fields_reach_3_to_1(scheme: ft.ColorScheme):
    found = {surface: round(contrast(scheme, "outline", surface), 2) for surface in _SURFACES}

    assert {surface: ratio for surface, ratio in found.items() if ratio < 3} == {}
