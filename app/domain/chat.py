"""Talking to a model: settings, presets, turns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from app.domain.errors import SilentAnswerError

if TYPE_CHECKING:
    from app.domain.runs import RunId

Voice = Literal["tuned", "base"]
"""Who answers: the fine-tuned model, or the base model it came from."""


IsWanted = Callable[[], bool]
"""Whether an answer is still to be made. Who asks says no before they tell the engine to stop, so that a stop
holds also in the moment in which the engine does not know of the question yet."""


def always() -> bool:
    return True


FinishReason = Literal["stop", "length", "cancelled", "stop_string", "repetition", "context"]


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen. `temperature` 0 means greedy."""

    temperature: float = 0.7
    max_new_tokens: int = 256
    repetition_penalty: float = 1.15
    seed: int | None = None
    top_p: float | None = None
    """The likeliest tokens that together have this probability; None: as the model's own settings say."""
    top_k: int | None = None
    """So many of the likeliest tokens, 0 for all of them; None: as the model's own settings say."""
    min_p: float | None = None
    """Tokens at least this part as likely as the likeliest; None: as the model's own settings say."""
    stop: tuple[str, ...] = ()
    """Texts that end the answer, and are no part of it."""
    guard_repetition: bool = True
    """Whether an answer that says the same over and over is ended."""


def sampling_of(stored: Mapping[str, Any]) -> Sampling:
    """What was kept as JSON."""
    return Sampling(**{**stored, "stop": tuple(stored.get("stop", ()))})


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
class LoadedFacts:
    """What is known of a model once it is in memory."""

    label: str
    """Which model, for people."""
    device: str
    """ "cpu", "cuda" or "mps"."""
    seconds: float
    memory_bytes: int
    """Of its weights."""
    adapter_effect: float | None = None
    """By how much the adapter changes the score of the next word at most; None without an adapter."""


@dataclass(frozen=True)
class AnswerFacts:
    """How an answer was made."""

    prompt_tokens: int
    tokens: int
    seconds: float
    finish_reason: FinishReason
    alone: bool = False
    """Whether the model was told nothing of what was said before the question."""

    @property
    def is_whole(self) -> bool:
        """Whether the model came to its end by itself, or by a text that was to end it."""
        return self.finish_reason in ("stop", "stop_string")

    @property
    def tokens_per_second(self) -> float:
        return self.tokens / self.seconds if self.seconds > 0 else 0.0


def has_words(pieces: Sequence[str]) -> bool:
    """Whether anything of an answer can be read: neither an empty piece nor a line break is a word."""
    return bool("".join(pieces).strip())


def require_words(pieces: Sequence[str], facts: Sequence[AnswerFacts]) -> None:
    """Raises SilentAnswerError for an answer without a word, unless it was stopped."""
    if not has_words(pieces) and any(one.finish_reason != "cancelled" for one in facts):
        raise SilentAnswerError


@dataclass(frozen=True)
class EngineStatus:
    """What the inference process is doing, for the status line."""

    state: Literal["idle", "loading", "ready", "generating", "error"] = "idle"
    message: str = ""
    loaded: LoadedFacts | None = None
    """Of the model in memory, if there is one."""
