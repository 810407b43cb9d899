"""What a run has seen and how long it took, over all its attempts."""

import time
from typing import Any, Final

from trainer_image import gpu
from trainer_image.checkpoints import Progress
from trainer_image.events import Metrics

_ETA_AFTER_STEPS: Final = 3
_LOG_EVERY_SECONDS: Final = 1.0


class Clock:
    """Counts samples, tokens and time, over all attempts of the run."""

    def __init__(self, before: Progress | None) -> None:
        self.samples_seen = before.samples_seen if before else 0
        self.tokens_seen = before.tokens_seen if before else 0
        self.elapsed_seconds = before.elapsed_seconds if before else 0.0
        self.loss: float | None = before.loss if before else None
        self.tokens_per_second = 0.0
        self._pending_tokens: Any = 0
        self._step_started = 0.0
        self._line_at = 0.0
        self._gpu = gpu.Meter()
        self._steps = 0
        self._steady_seconds = 0.0

    def start_step(self) -> None:
        self._step_started = time.perf_counter()

    def leave_out(self, seconds: float) -> None:
        """Take something that is not training out of the time of the step at hand."""
        self._step_started += seconds

    def count(self, samples: int, tokens: Any) -> None:
        """Add up a step's batches, those of all processes."""
        self.samples_seen += samples
        # Stays on the device: reading it here would make the CPU wait before every step.
        self._pending_tokens = tokens

    def end_step(self, loss: float) -> None:
        tokens = int(self._pending_tokens)
        seconds = max(time.perf_counter() - self._step_started, 1e-9)
        self.tokens_seen += tokens
        self.elapsed_seconds += seconds
        self.tokens_per_second = tokens / seconds
        self.loss = loss
        self._steps += 1
        if self._steps > 1:  # the first one warms up
            self._steady_seconds += seconds

    def eta_seconds(self, remaining_steps: int) -> float | None:
        if self._steps <= _ETA_AFTER_STEPS:
            return None
        return round(self._steady_seconds / (self._steps - 1) * remaining_steps, 1)

    @property
    def seconds_per_step(self) -> float:
        """Of this attempt, without the first step where there are more."""
        return self._steady_seconds / (self._steps - 1) if self._steps > 1 else self.elapsed_seconds

    def metrics(
        self, step: int, total_steps: int, *, epoch: float, learning_rate: float, grad_norm: float | None
    ) -> Metrics:
        """What is known at the end of a step."""
        assert self.loss is not None
        return Metrics(
            step=step,
            total_steps=total_steps,
            epoch=round(epoch, 6),
            loss=self.loss,
            learning_rate=learning_rate,
            grad_norm=grad_norm,
            tokens_per_second=round(self.tokens_per_second, 1),
            samples_seen=self.samples_seen,
            tokens_seen=self.tokens_seen,
            elapsed_seconds=round(self.elapsed_seconds, 3),
            eta_seconds=self.eta_seconds(total_steps - step),
            gpu_memory_gb=gpu.memory_gb(),
            gpu_utilisation=self._gpu.utilisation(),
            gpu_temperature=self._gpu.temperature(),
        )

    def line_is_due(self) -> bool:
        now = time.perf_counter()
        if self._steps > 1 and now - self._line_at < _LOG_EVERY_SECONDS:
            return False
        self._line_at = now
        return True
