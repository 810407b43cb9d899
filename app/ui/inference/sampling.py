"""What a person set up for how answers are made; outlives leaving the tab."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

import flet as ft

from app.domain.chat import DEFAULT_PRESET, MAX_NEW_TOKENS_RANGE, PRESETS, TEMPERATURE_RANGE, Sampling
from app.ui.texts import text, text_in

_DEFAULT: Final = PRESETS[DEFAULT_PRESET]


@dataclass(frozen=True)
class NumberOf:
    """A setting typed as a number; empty leaves it to the model, or to chance."""

    name: str
    least: float
    most: float
    is_whole: bool = False

    @property
    def label(self) -> str:
        return text_in("inference.sampling.finer", self.name)

    @property
    def help_text(self) -> str:
        return text_in("inference.sampling.finer_help", self.name)

    def problem(self, typed: str) -> str:
        """What is wrong with it; empty if nothing is."""
        if not typed.strip() or self.read(typed) is not None:
            return ""
        if self.is_whole:
            return text("inference.sampling.whole_range", least=self.least, most=self.most)
        return text("inference.sampling.range", least=self.least, most=self.most)

    def read(self, typed: str) -> float | int | None:
        convert: Callable[[str], float | int] = int if self.is_whole else float
        try:
            value = convert(typed.strip().replace(",", "."))
        except ValueError:
            return None
        return value if self.least <= value <= self.most else None


_NUMBERS: Final = (
    NumberOf("repetition_penalty", 0.5, 2),
    NumberOf("top_p", 0, 1),
    NumberOf("top_k", 0, 1_000, is_whole=True),
    NumberOf("min_p", 0, 1),
    NumberOf("seed", 0, 2**63 - 1, is_whole=True),
)
FINER: Final = {number.name: number for number in _NUMBERS}


@ft.observable
@dataclass(eq=False)
class SamplingDraft:
    """Settings of the next answer."""

    preset: str = DEFAULT_PRESET
    """Name of the preset whose values these are; empty once one was changed."""
    temperature: float = _DEFAULT.temperature
    max_new_tokens: int = _DEFAULT.max_new_tokens
    typed: dict[str, str] = field(
        default_factory=lambda: {"repetition_penalty": f"{_DEFAULT.repetition_penalty:g}"}
    )
    """What stands in the fields of `FINER`."""
    stop: str = ""
    """Texts that end an answer, one a line."""
    guard_repetition: bool = True

    @property
    def sampling(self) -> Sampling:
        """Of what was typed, only what is right; `problems` says the rest."""
        read = {name: FINER[name].read(text) for name, text in self.typed.items() if text.strip()}
        given = {name: value for name, value in read.items() if value is not None}
        stop = tuple(line for line in self.stop.splitlines() if line.strip())
        base = Sampling(self.temperature, self.max_new_tokens, 1.0)
        return replace(base, **given, stop=stop, guard_repetition=self.guard_repetition)  # type: ignore[arg-type]

    @property
    def problem(self) -> str:
        """The first thing that is wrong; empty if nothing is."""
        found = ((FINER[name].label, FINER[name].problem(text)) for name, text in self.typed.items())
        return next((f"{label}: {problem}" for label, problem in found if problem), "")

    @property
    def slider_temperature(self) -> float:
        """Where the slider stands: greedy has no place on it and is said in words."""
        return min(max(self.temperature, TEMPERATURE_RANGE[0]), TEMPERATURE_RANGE[1])

    @property
    def slider_max_new_tokens(self) -> int:
        """The same: a command line takes any number."""
        return min(max(self.max_new_tokens, MAX_NEW_TOKENS_RANGE[0]), MAX_NEW_TOKENS_RANGE[1])

    def take(self, sampling: Sampling) -> None:
        """Show these settings, as a chat was made with them."""
        given = {name: getattr(sampling, name) for name in FINER}
        self.temperature, self.max_new_tokens = sampling.temperature, sampling.max_new_tokens
        self.typed = {name: _as_typed(value) for name, value in given.items() if value is not None}
        self.stop, self.guard_repetition = "\n".join(sampling.stop), sampling.guard_repetition
        self._name_preset()

    def apply_preset(self, name: str) -> None:
        sampling = PRESETS[name]
        self.preset = name
        self.temperature = sampling.temperature
        self.max_new_tokens = sampling.max_new_tokens
        self.typed = {**self.typed, "repetition_penalty": f"{sampling.repetition_penalty:g}"}

    def set_temperature(self, value: float) -> None:
        self.temperature = round(value, 1)
        self._name_preset()

    def set_max_new_tokens(self, value: float) -> None:
        self.max_new_tokens = round(value)
        self._name_preset()

    def type(self, name: str, text: str) -> None:
        self.typed = {**self.typed, name: text}
        self._name_preset()

    def _name_preset(self) -> None:
        now = replace(self.sampling, stop=(), guard_repetition=True, seed=None)
        self.preset = next((name for name, sampling in PRESETS.items() if sampling == now), "")


def _as_typed(value: float) -> str:
    short = f"{value:g}"
    return short if float(short) == value and "e" not in short else str(value)
