"""What a run of the loop came to."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """Where training ended."""

    step: int
    total_steps: int
    loss: float | None
    checkpoint: str | None
    stopped: bool
    best_step: int | None = None
    validation_loss: float | None = None
    baseline_loss: float | None = None
