"""Text can be read on the surfaces it is used on, in both themes. WCAG 2.2, 1.4.3 and 1.4.11."""

import itertools
from collections.abc import Iterator

import flet as ft
import pytest

from app.domain.preflight import Download, Readiness
from app.ui import theme
from app.ui.data.model_view.token_view import TokenView
from app.ui.training.ready.card import ReadyCard
from app.ui.training.run.chart import RAW_OPACITY
from trainer_image.look_protocol import Shown, ShownToken

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
@pytest.mark.parametrize("piece", ["cut tokens", "figures of before"])
def test_text_that_counts_less_is_no_harder_to_read(scheme: ft.ColorScheme, piece: str):
    shown = {
        "cut tokens": TokenView(
            Shown(count=2, kept=1, tokens=[ShownToken(id=n, text="word", trained=False) for n in (1, 2)])
        ),
        "figures of before": ReadyCard(
            Readiness(download=Download(5, 5), unknown=("The data could not be checked.",)), is_of_before=True
        ),
    }
    inks = list(inks_of(shown[piece]))

    assert inks
    assert {ink: ratio for ink in inks if (ratio := least_contrast(scheme, *ink)) < 4.5} == {}


def inks_of(control: ft.Control, opacity: float = 1.0) -> Iterator[tuple[str, float]]:
    """(color, opacity) of each text without a ground of its own, faded as what it stands in is."""
    own = getattr(control, "opacity", None)
    opacity *= 1.0 if own is None else own
    if isinstance(control, ft.Text):
        spans = [span.style for span in control.spans or () if span.style and not span.style.bgcolor]
        for color in [control.color, *(style.color for style in spans)]:
            name, _, share = str(getattr(color, "value", color or "on_surface")).partition(",")
            yield name, opacity * float(share or 1)
    for inner in [getattr(control, "content", None), *(getattr(control, "controls", None) or ())]:
        if isinstance(inner, ft.Control):
            yield from inks_of(inner, opacity)


def least_contrast(scheme: ft.ColorScheme, name: str, opacity: float) -> float:
    attribute = next(
        a for a in ft.ColorScheme.__dataclass_fields__ if a.replace("_", "") == name.replace("_", "")
    )
    found = []
    for surface in _SURFACES:
        over, under = getattr(scheme, attribute), getattr(scheme, surface)
        found.append(
            contrast(ft.ColorScheme(primary=mixed(over, under, opacity), surface=under), "primary", "surface")
        )
    return min(found)


def mixed(over: str, under: str, opacity: float) -> str:
    """What is seen of a color at this opacity on another one."""
    pairs = [(int(over[at : at + 2], 16), int(under[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(opacity * top + (1 - opacity) * ground):02X}" for top, ground in pairs)


def test_a_faded_text_is_measured_as_it_is_seen():
    inside = ft.Column([ft.Text("x", color=ft.Colors.with_opacity(0.5, ft.Colors.PRIMARY))], opacity=0.5)

    assert list(inks_of(ft.Container(inside))) == [("primary", 0.25)]
    assert mixed("#000000", "#FFFFFF", 0.25) == "#BFBFBF"


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_the_borders_of_fields_reach_3_to_1(scheme: ft.ColorScheme):
    found = {surface: round(contrast(scheme, "outline", surface), 2) for surface in _SURFACES}

    assert {surface: ratio for surface, ratio in found.items() if ratio < 3} == {}


@pytest.mark.parametrize("surface", ["surface", "surface_container_lowest", "surface_container_low"])
@pytest.mark.parametrize("name", SCHEMES)
def test_the_line_of_each_step_is_told_from_what_is_behind_it(name, surface):
    """Where a chart is drawn: half-transparent, it is mixed with that."""
    front, back = SCHEMES[name].tertiary, getattr(SCHEMES[name], surface)
    channels = [(int(front[at : at + 2], 16), int(back[at : at + 2], 16)) for at in (1, 3, 5)]
    mixed = "".join(f"{round(f * RAW_OPACITY + b * (1 - RAW_OPACITY)):02X}" for f, b in channels)

    assert contrast(ft.ColorScheme(primary=f"#{mixed}", surface=back), "primary", "surface") >= 3
