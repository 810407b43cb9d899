"""What the GPU holds, how busy and how warm it is; nothing where there is none."""

import time
from collections.abc import Callable
from typing import Final

import torch

_EVERY_SECONDS: Final = 1.0
"""NVML averages over about as long, and asking takes a millisecond."""


def memory_gb() -> float | None:
    """Most that the tensors of this process have held so far, in GiB."""
    if not torch.cuda.is_initialized():
        return None
    return round(float(torch.cuda.max_memory_allocated()) / 2**30, 3)


class Gauge:
    """One number of the GPU, asked at most once a second; for good without an answer once one failed."""

    def __init__(self, ask: Callable[[], float]) -> None:
        self._ask = ask
        self._asked_at = -_EVERY_SECONDS
        self._known: float | None = None

    def read(self) -> float | None:
        now = time.monotonic()
        if now - self._asked_at < _EVERY_SECONDS:
            return self._known
        self._asked_at = now
        try:
            self._known = float(self._ask())
        except Exception:  # no NVML, an old driver, a GPU that does not tell: no reason to end a run
            self._known, self._asked_at = None, float("inf")
        return self._known


class Meter:
    """How busy and how warm the GPU of this process is, by NVML through torch; None where there is none."""

    def __init__(self) -> None:
        self._utilisation = Gauge(torch.cuda.utilization)
        self._temperature = Gauge(torch.cuda.temperature)

    def utilisation(self) -> float | None:
        """In percent."""
        return self._utilisation.read() if torch.cuda.is_initialized() else None

    def temperature(self) -> float | None:
        """In °C."""
        return self._temperature.read() if torch.cuda.is_initialized() else None
