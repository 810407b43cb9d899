"""Measuring on the rows kept aside: when, how well, which step was best, and when to give up.

Draws no random numbers, so that a run with measurements trains exactly as one without.
"""

import math
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from trainer_image import sharding
from trainer_image.checkpoints import Progress
from trainer_image.config import RunConfig
from trainer_image.data import IGNORED, TrainingRows
from trainer_image.events import Evaluation
from trainer_image.problems import RunFailedError, is_out_of_memory
from trainer_image.recovery import free_memory
from trainer_image.reporting import Reporter


class Validation:
    """The measurements of one run. Without rows kept aside it never asks for one."""

    def __init__(
        self,
        rows: TrainingRows | None,
        config: RunConfig,
        before: Progress | None,
        reporter: Reporter,
        *,
        at_once: int | None = None,
    ) -> None:
        """`at_once` is how many rows were found to fit; None: as many as the config says."""
        self._rows = rows
        self._reporter = reporter
        self._rows_at_once = at_once or config.per_device_batch_size
        self._may_halve = not sharding.is_on(
            config
        )  # in parts, no process may measure more often than another
        self._every = config.eval_steps
        self._every_samples = config.eval_samples
        self._measures_first = config.measure_first
        self._at_epoch = config.eval_at_epoch
        self._least_gain = config.min_improvement
        self._patience = config.early_stopping_patience
        self.best_step = before.best_step if before else None
        self.best_loss = before.best_loss if before else None
        self.without_gain = before.without_gain if before else 0
        """Measurements since the best one."""
        self.baseline_loss = before.baseline_loss if before else None
        """Of the base model."""
        self.last_loss: float | None = None
        self._last_step: int | None = None
        self.is_ended = False
        """Whether somebody has asked the run to end with its best model."""

    def is_due(self, step: int, total_steps: int, samples_a_step: int) -> bool:
        """`samples_a_step`: examples in a whole step; the last of an epoch may have fewer."""
        return bool(self._rows) and (step == total_steps or self._is_at_a_mark(step, samples_a_step))

    def _is_at_a_mark(self, step: int, samples_a_step: int) -> bool:
        if self._every_samples is None:
            return step % self._every == 0
        return step * samples_a_step % self._every_samples < samples_a_step

    def is_due_after_epoch(self, step: int) -> bool:
        """Unless its last step was measured already."""
        return bool(self._rows) and self._at_epoch and self._last_step != step

    def baseline_is_due(self, step: int) -> bool:
        return bool(self._rows) and self._measures_first and step == 0

    @property
    def is_hopeless(self) -> bool:
        """Whether patience has run out: the run's, or somebody's."""
        return self.is_ended or (self._patience is not None and self.without_gain >= self._patience)

    def measure(self, model: Any, collate: Any, precision: AbstractContextManager[Any]) -> float:
        """The mean loss over all trained tokens of the rows kept aside.

        When memory runs out, of half as many rows at once, from then on. Raises what a single row raised,
        and with the model in parts what any raised. Of several processes each has its own, equal but for
        rounding.
        """
        was_training = model.training
        model.eval()
        try:
            with precision, torch.no_grad():
                return self._mean_loss(model, collate)
        finally:
            model.train(was_training)

    def fewer(self) -> int | None:
        """Rows that could be measured at once instead; None if it is one already."""
        return self._rows_at_once // 2 or None

    def _mean_loss(self, model: Any, collate: Any) -> float:
        assert self._rows
        while True:
            try:
                return mean_loss(model, self._rows, collate, self._rows_at_once)
            except Exception as error:
                if not is_out_of_memory(error) or self._rows_at_once == 1 or not self._may_halve:
                    raise
            free_memory()  # not in the handler: the error holds the tensors of the failed pass
            rows, self._rows_at_once = self._rows_at_once, self._rows_at_once // 2
            self._reporter.notice(
                f"Memory ran out while measuring {rows} rows at once. From here on {self._rows_at_once} are "
                "measured at once; the validation loss stays the same.",
                level="warning",
            )

    def record(self, step: int, loss: float) -> bool:
        """Report and remember a measurement; True if it is the best so far."""
        self._last_step = step
        if not math.isfinite(loss):
            self.without_gain += 1
            text = f"At step {step} the loss on the rows kept aside is not a number. It counts as no better."
            self._reporter.notice(text, level="warning")
            return False
        self.last_loss = loss
        is_best = self.best_loss is None or loss < self.best_loss - self._least_gain
        if is_best:
            self.best_step, self.best_loss, self.without_gain = step, loss, 0
        else:
            self.without_gain += 1
        self._reporter.emit(Evaluation(step=step, loss=loss, best=is_best))
        self._reporter.say(
            f"step {step}  validation loss {loss:.4f}{' (the best so far)' if is_best else ''}"
        )
        return is_best

    def record_baseline(self, loss: float) -> None:
        """Report what the base model was measured at: it is no candidate for the best.

        Raises RunFailedError if that is no number.
        """
        if not math.isfinite(loss):
            raise RunFailedError(
                "The base model's loss on the rows kept aside is not a number: it would learn nothing.",
                "Its weights may be damaged; take it from its source again, or choose another one.",
            )
        self.baseline_loss = loss
        self._reporter.emit(Evaluation(step=0, loss=loss, best=False))
        self._reporter.say(f"before training  validation loss {loss:.4f}")


def what_was_gained(before: float | None, after: float | None) -> str | None:
    """The sentence about a result; None where one of the two was not measured, and nothing can be claimed."""
    if before is None or after is None:
        return None
    text = f"Validation loss: {before:.4f} before training, {after:.4f} of the result"
    if after < before:
        return f"{text}, {100 * (1 - after / before):.0f} % lower."
    return f"{text}: on the rows kept aside the base model is no worse."


def mean_loss(model: Any, rows: TrainingRows, collate: Any, batch_size: int) -> float:
    """Cross-entropy in nats, summed over all trained tokens and divided by their number."""
    by_length = sorted(range(len(rows.input_ids)), key=lambda at: -len(rows.input_ids[at]))
    total, count = torch.zeros((), dtype=torch.float64), 0
    for start in range(0, len(by_length), batch_size):
        chosen = by_length[start : start + batch_size]
        batch = collate([{"input_ids": rows.input_ids[at], "labels": rows.labels[at]} for at in chosen])
        batch = {name: tensor.to(model.device) for name, tensor in batch.items()}
        labels = batch.pop("labels")[:, 1:]
        logits = model(**batch, use_cache=False).logits[:, :-1]
        total += cross_entropy(
            logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORED, reduction="sum"
        ).to(total)
        count += int((labels != IGNORED).sum())
    return float(total) / max(count, 1)
