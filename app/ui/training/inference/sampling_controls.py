"""How the next answer is made: a preset, or sliders."""

from collections.abc import Callable

import flet as ft

from app.domain.chat import MAX_NEW_TOKENS_RANGE, PRESETS, TEMPERATURE_RANGE
from app.ui.kit.icon_action import IconAction
from app.ui.kit.identified import Identified
from app.ui.theme import GAP
from app.ui.training.fields import Grid, Help, Segments
from app.ui.training.inference.draft import ChatDraft


@ft.component
def SamplingControls(chat: ChatDraft) -> ft.Control:
    """What is shown is what is sent; greedy, which has no place on the slider, is said in words."""
    greedy = "Temperature 0: always the likeliest word"
    temperature = f"Temperature {chat.temperature:.1f}" if chat.temperature else greedy
    tokens = f"Max new tokens {chat.max_new_tokens}"
    sliders = Grid(
        [
            _slider(
                "temperature",
                temperature,
                chat.slider_temperature,
                TEMPERATURE_RANGE,
                0.1,
                chat.set_temperature,
            ),
            _slider(
                "max-new-tokens",
                tokens,
                chat.max_new_tokens,
                MAX_NEW_TOKENS_RANGE,
                32,
                chat.set_max_new_tokens,
            ),
        ]
    )
    presets = [(name, name) for name in PRESETS]
    return ft.Column(
        [
            Segments("sampling", "Answers", chat.preset, presets, chat.apply_preset),
            sliders,
            Help(f"Repetition penalty {chat.repetition_penalty:g}"),
        ],
        spacing=GAP,
        tight=True,
    )


def _slider(
    identifier: str,
    text: str,
    value: float,
    limits: tuple[float, float],
    step: float,
    on_change: Callable[[float], None],
) -> ft.Control:
    """A slider between two buttons, which work from the keyboard too.

    The Cupertino one: in Flet 1.0.5 the other's value bubble lies over the whole page for screen readers.
    """
    low, high = limits
    name = text.rpartition(" ")[0].partition(" 0:")[0].lower()

    def slide(event: ft.Event[ft.CupertinoSlider]) -> None:
        on_change(float(event.data or event.control.value or low))

    slider = ft.CupertinoSlider(
        value=value,
        min=low,
        max=high,
        divisions=round((high - low) / step),
        active_color=ft.Colors.PRIMARY,
        expand=True,
        on_change=slide,
    )
    row = ft.Row(
        [
            _step(ft.Icons.REMOVE, f"Less {name}", lambda: on_change(max(value - step, low))),
            slider,
            _step(ft.Icons.ADD, f"More {name}", lambda: on_change(min(value + step, high))),
        ],
        spacing=0,
    )
    return Identified(identifier, ft.Column([ft.Text(text), row], spacing=0, tight=True))


def _step(icon: ft.IconData, name: str, on_click: Callable[[], None]) -> ft.Control:
    return IconAction(icon, name, on_click, size=18)
