"""The probe: a step on the longest real rows, thrown away, that tells the peak of memory early.

It runs after the first optimiser step, when the optimiser's state is there, and leaves weights, gradients and
random numbers as they were: the run computes exactly what it would have computed without it.
"""

from typing import Any

import torch

from trainer_image.estimating import Outlook
from trainer_image.peak import PeakMeter
from trainer_image.reporting import Reporter


class Probe:
    """Measures once, reports the peak beside the estimate and keeps it for later estimates.

    A resumed run was measured before, and one whose memory ran out is no longer what was estimated: neither
    is kept.
    """

    def __init__(
        self, meter: PeakMeter, outlook: Outlook | None, reporter: Reporter, *, is_resumed: bool = False
    ) -> None:
        self._meter = meter
        self._outlook = outlook
        self._reporter = reporter
        self._is_resumed = is_resumed

    def measure(self, trainer: Any) -> None:
        """`trainer` stands between two steps, its gradients empty."""
        batch = trainer.largest_microbatch()
        devices = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []
        with torch.random.fork_rng(devices=devices):  # a second microbatch finds the gradients of the first
            trainer.probe_step(batch, min(trainer.args.gradient_accumulation_steps, 2))
        self._report(keep=not self._is_resumed and not trainer.memory_ran_out)

    def _report(self, *, keep: bool) -> None:
        peak = self._meter.peak()
        if self._outlook:
            update = {"peak": peak, "reserved": self._meter.reserved()}
            found = self._outlook.event.model_copy(update=update)
            self._reporter.emit(found)
            if keep and self._outlook.experience:
                self._outlook.experience.remember(found, self._reporter)
        self._reporter.say(f"Memory at the peak: {peak / 1e9:.2f} GB measured on the longest rows")
