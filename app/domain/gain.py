"""What a run gained by its training: told against a measurement before it, or not at all."""

from collections.abc import Sequence

from app.domain.runs import Measurement


def while_training(measurements: Sequence[Measurement]) -> list[Measurement]:
    """Without the one of the base model, which is no candidate for the best."""
    return [m for m in measurements if m.step > 0]


def gain(measurements: Sequence[Measurement]) -> str:
    """`2.310 → 1.204`, from the base model to the best so far; empty where one of the two is not measured."""
    before = next((m.loss for m in measurements if m.step == 0), None)
    best = min((m.loss for m in while_training(measurements)), default=None)
    return "" if before is None or best is None else f"{before:.3f} → {best:.3f}"
