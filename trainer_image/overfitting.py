"""Notices when a run begins to learn its rows by heart: it gets better on them and worse on all others."""

from typing import Final

from trainer_image.events import Overfitting
from trainer_image.reporting import Reporter

IN_A_ROW: Final = 3
"""Measurements, each higher than the one before, over which the loss on the training rows falls."""


class OverfitDetector:
    """Fed at each measurement; speaks once, until the validation loss falls again."""

    def __init__(self) -> None:
        self._before: tuple[float, float] | None = None
        self._rises = 0
        self._train_at_first = 0.0

    def add(
        self, step: int, *, training: float, validation: float, best_step: int | None, best_loss: float | None
    ) -> Overfitting | None:
        """`training` is the mean loss of the steps since the last measurement."""
        before, self._before = self._before, (training, validation)
        if before is None or validation <= before[1]:
            self._rises = 0
            return None
        if self._rises == 0:
            self._train_at_first = before[0]
        self._rises += 1
        if self._rises != IN_A_ROW or training >= self._train_at_first or best_step is None:
            return None
        return Overfitting(step=step, best_step=best_step, best_loss=best_loss or 0.0)


class OverfitWatch:
    """Told of every step and measurement of a run, it reports what the detector finds."""

    def __init__(self, reporter: Reporter) -> None:
        self._detector, self._reporter = OverfitDetector(), reporter
        self._since_measured: list[float] = []

    def note(self, loss: float) -> None:
        """Of a step, on the rows it learnt."""
        self._since_measured.append(loss)

    def look(self, step: int, measured: float, *, best_step: int | None, best_loss: float | None) -> None:
        since = self._since_measured
        training = sum(since) / max(len(since), 1)
        since.clear()
        found = self._detector.add(
            step, training=training, validation=measured, best_step=best_step, best_loss=best_loss
        )
        if found:
            self._reporter.emit(found)
            self._reporter.say(f"Warning: overfitting; the best model is that of step {found.best_step}")
