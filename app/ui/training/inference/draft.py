"""What a person set up for talking to a model, and the answer under way; outlives leaving the tab."""

from dataclasses import dataclass, field
from typing import Final

import flet as ft

from app.domain.chat import DEFAULT_PRESET, PRESETS, TEMPERATURE_RANGE, Sampling, Voice
from app.ui.training.inference.answering import Answering

_DEFAULT: Final = PRESETS[DEFAULT_PRESET]


@ft.observable
@dataclass(eq=False)
class ChatDraft:
    """Settings of the next question."""

    prompt: str = ""
    voice: Voice = "tuned"
    preset: str = DEFAULT_PRESET
    """Name of the preset whose values these are; empty once one was changed."""
    temperature: float = _DEFAULT.temperature
    max_new_tokens: int = _DEFAULT.max_new_tokens
    repetition_penalty: float = _DEFAULT.repetition_penalty
    answering: Answering = field(default_factory=Answering)

    @property
    def sampling(self) -> Sampling:
        return Sampling(self.temperature, self.max_new_tokens, self.repetition_penalty)

    @property
    def slider_temperature(self) -> float:
        """Where the slider stands: greedy has no place on it and is said in words."""
        return max(self.temperature, TEMPERATURE_RANGE[0])

    def apply_preset(self, name: str) -> None:
        sampling = PRESETS[name]
        self.preset = name
        self.temperature = sampling.temperature
        self.max_new_tokens = sampling.max_new_tokens
        self.repetition_penalty = sampling.repetition_penalty

    def set_temperature(self, value: float) -> None:
        self.temperature = round(value, 1)
        self._name_preset()

    def set_max_new_tokens(self, value: float) -> None:
        self.max_new_tokens = round(value)
        self._name_preset()

    def _name_preset(self) -> None:
        self.preset = next((name for name, sampling in PRESETS.items() if sampling == self.sampling), "")
