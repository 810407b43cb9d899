"""Where the training loop ended, for what is done with the result."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """Losses are None where nothing was measured."""

    step: int
    total_steps: int
    loss: float | None
    checkpoint: str | None
    stopped: bool
    best_step: int | None = None
    validation_loss: float | None = None
    baseline_loss: float | None = None
