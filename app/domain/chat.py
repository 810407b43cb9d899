"""Talking to a model: settings, presets, turns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from app.domain.runs import RunId

Voice = Literal["tuned", "base"]
"""Who answers: the fine-tuned model, or the base model it came from."""


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen. `temperature` 0 means greedy."""

    temperature: float = 0.7
    max_new_tokens: int = 256
    repetition_penalty: float = 1.15
    seed: int | None = None


PRESETS: Final[Mapping[str, Sampling]] = MappingProxyType(
    {
        "Deterministic": Sampling(temperature=0.0, max_new_tokens=128, repetition_penalty=1.2),
        "Balanced": Sampling(temperature=0.7, max_new_tokens=256, repetition_penalty=1.15),
        "Creative": Sampling(temperature=1.0, max_new_tokens=512, repetition_penalty=1.1),
    }
)
DEFAULT_PRESET: Final = "Balanced"
TEMPERATURE_RANGE: Final = (0.1, 1.2)
MAX_NEW_TOKENS_RANGE: Final = (64, 512)


@dataclass(frozen=True)
class ChatTurn:
    """One prompt and its answer, as kept in the store."""

    id: int
    run_id: RunId
    voice: Voice
    prompt: str
    answer: str
    sampling: Sampling
    created_at: datetime


@dataclass(frozen=True)
class EngineStatus:
    """What the inference process is doing, for the status line."""

    state: Literal["idle", "loading", "ready", "generating", "error"] = "idle"
    message: str = ""
