"""The probe: a step on the longest real rows, thrown away, that tells the peak of memory early.

It runs after the first optimiser step, when the optimiser's state is there, and leaves weights, gradients and
random numbers as they were: the run computes exactly what it would have computed without it.
"""

from typing import Any

import torch

from trainer_image.events import Memory
from trainer_image.peak import PeakMeter
from trainer_image.reporting import Reporter


class Probe:
    """Measures once and reports the peak beside the estimate."""

    def __init__(self, meter: PeakMeter, estimate: Memory | None, reporter: Reporter) -> None:
        self._meter = meter
        self._estimate = estimate
        self._reporter = reporter

    def measure(self, trainer: Any) -> None:
        """`trainer` stands between two steps, its gradients empty."""
        batch = trainer.largest_microbatch()
        devices = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []
        with torch.random.fork_rng(devices=devices):  # a second microbatch finds the gradients of the first
            trainer.probe_step(batch, min(trainer.args.gradient_accumulation_steps, 2))
        self._report()

    def _report(self) -> None:
        peak = self._meter.peak()
        if self._estimate:
            found = self._estimate.model_copy(update={"peak": peak, "reserved": self._meter.reserved()})
            self._reporter.emit(found)
        self._reporter.say(f"Memory at the peak: {peak / 1e9:.2f} GB measured on the longest rows")
