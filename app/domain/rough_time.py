"""How long a run takes on a processor, before anything like it was measured: by its size alone.

Right to a factor of about three, while nothing else computes. Of GPUs nothing is said: they differ a
hundredfold, and none was measured.
"""

from typing import Final

from trainer_image.config import Lora, RunConfig

_PER_CORE: Final = 30e9
"""Floating-point operations a second that training comes to: 24 to 53 billion by `docs/measured`."""
_PASS_SECONDS: Final = 0.03
"""Of each forward and backward pass, however small."""
TIMES_WRONG: Final = 3
_CHARACTERS: Final = 4.0
"""Of a token, in English."""


def rough_seconds(config: RunConfig, *, parameters: int, tokens: float, steps: int, cores: int) -> float:
    """From the first step to the last. `tokens`: all that are read, in all epochs."""
    per_weight = 4 if isinstance(config.method, Lora) else 6
    if config.gradient_checkpointing:
        per_weight += 2
    computing = per_weight * parameters * tokens / (_PER_CORE * max(cores, 1))
    return computing + _PASS_SECONDS * steps * config.gradient_accumulation_steps


def rough_tokens(characters: float) -> float:
    """Of so many characters, in a language that the model knows well."""
    return characters / _CHARACTERS
