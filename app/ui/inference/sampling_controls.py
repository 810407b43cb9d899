"""How the next answer is made: a preset, or sliders."""

from collections.abc import Callable
from functools import partial

import flet as ft

from app.domain.chat import MAX_NEW_TOKENS_RANGE, PRESETS, TEMPERATURE_RANGE
from app.ui.inference.sampling import FINER, SamplingDraft
from app.ui.kit.entered import text_of
from app.ui.kit.foldable import Foldable
from app.ui.kit.icon_action import IconAction
from app.ui.kit.identified import Identified
from app.ui.kit.text_field import TextField
from app.ui.texts import counted, text, text_in
from app.ui.theme import GAP
from app.ui.training.fields import Grid, Segments, TextInput, Toggle


@ft.component
def SamplingControls(chat: SamplingDraft) -> ft.Control:
    """What is shown is what is sent; greedy, which has no place on the slider, is said in words."""
    greedy = text("inference.sampling.greedy")
    temperature = (
        text("inference.sampling.temperature", temperature=chat.temperature) if chat.temperature else greedy
    )
    tokens = text("inference.sampling.max_tokens", count=chat.max_new_tokens)
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
                chat.slider_max_new_tokens,
                MAX_NEW_TOKENS_RANGE,
                32,
                chat.set_max_new_tokens,
            ),
        ]
    )
    presets = [(name, name) for name in PRESETS]
    return ft.Column(
        [
            Segments("sampling", text("inference.sampling.answers"), chat.preset, presets, chat.apply_preset),
            sliders,
            Finer(chat),
        ],
        spacing=GAP,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


@ft.component
def Finer(chat: SamplingDraft) -> ft.Control:
    """What most leave as it is: said in one line, changed when unfolded."""

    def fields() -> list[ft.Control]:
        numbers = [_number(chat, name) for name in FINER]
        return [Grid([*numbers, _stop(chat)], columns=3), _guard(chat)]

    said = chat.problem or _in_words(chat)
    return Foldable(
        text("inference.sampling.more"),
        fields,
        badge=ft.Text(
            said,
            theme_style=ft.TextThemeStyle.BODY_SMALL,
            color=ft.Colors.ERROR if chat.problem else ft.Colors.ON_SURFACE_VARIANT,
        ),
        identifier="sampling-more",
        is_forced_open=bool(chat.problem),
    )


def _in_words(chat: SamplingDraft) -> str:
    sampling = chat.sampling
    parts = [text("inference.sampling.penalty", penalty=sampling.repetition_penalty)]
    named = {"top_p": sampling.top_p, "top_k": sampling.top_k, "min_p": sampling.min_p, "seed": sampling.seed}
    parts += [
        text_in("inference.sampling.set", name, value=value)
        for name, value in named.items()
        if value is not None
    ]
    if sampling.stop:
        parts.append(counted("inference.sampling.stops", len(sampling.stop)))
    if not sampling.guard_repetition:
        parts.append(text("inference.sampling.may_repeat"))
    return ", ".join(parts)


def _number(chat: SamplingDraft, name: str) -> ft.Control:
    spec = FINER[name]
    return TextInput(
        spec.label,
        chat.typed.get(name, ""),
        partial(chat.type, name),
        help_text=spec.help_text,
        error=spec.problem(chat.typed.get(name, "")),
    )


def _stop(chat: SamplingDraft) -> ft.Control:
    def edit(event: ft.Event[ft.TextField]) -> None:
        chat.stop = text_of(event)

    return TextField(
        label=text("inference.sampling.stop_texts"),
        value=chat.stop,
        helper=text("inference.sampling.stop_texts_help"),
        helper_max_lines=3,
        multiline=True,
        min_lines=1,
        max_lines=4,
        on_change=edit,
    )


def _guard(chat: SamplingDraft) -> ft.Control:
    def toggle(value: bool) -> None:
        chat.guard_repetition = value

    return Toggle(
        text("inference.sampling.guard"),
        chat.guard_repetition,
        toggle,
        identifier="guard-repetition",
    )


def _slider(
    identifier: str,
    typed: str,
    value: float,
    limits: tuple[float, float],
    step: float,
    on_change: Callable[[float], None],
) -> ft.Control:
    """A slider between two buttons, which are for keyboard and screen readers: a slider cannot be named.

    The Cupertino one: in Flet 1.0.5 the other's value bubble lies over the whole page for screen readers.
    """
    low, high = limits
    name = typed.rpartition(" ")[0].partition(" 0:")[0].lower()

    def slide(event: ft.Event[ft.CupertinoSlider]) -> None:
        on_change(float(event.data or event.control.value or low))

    slider = ft.CupertinoSlider(
        value=value,
        min=low,
        max=high,
        divisions=round((high - low) / step),
        active_color=ft.Colors.PRIMARY,
        on_change=slide,
    )
    row = ft.Row(
        [
            _step(
                ft.Icons.REMOVE,
                text("inference.sampling.less", name=name),
                lambda: on_change(max(value - step, low)),
            ),
            ft.Container(ft.Semantics(content=slider, exclude_semantics=True), expand=True),
            _step(
                ft.Icons.ADD,
                text("inference.sampling.more_of", name=name),
                lambda: on_change(min(value + step, high)),
            ),
        ],
        spacing=0,
    )
    return Identified(identifier, ft.Column([ft.Text(typed), row], spacing=0, tight=True))


def _step(icon: ft.IconData, name: str, on_click: Callable[[], None]) -> ft.Control:
    return IconAction(icon, name, on_click, size=18)
