"""What the GPU holds and how busy it is; nothing where there is none."""

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


class Meter:
    """How busy the GPU is, asked at most once a second; for good without an answer once one failed."""

    def __init__(self, ask: Callable[[], float] | None = None) -> None:
        """`ask` tells the percentage; by default NVML, through torch."""
        self._ask = ask
        self._asked_at = -_EVERY_SECONDS
        self._known: float | None = None

    def utilisation(self) -> float | None:
        ask = self._ask or (torch.cuda.utilization if torch.cuda.is_initialized() else None)
        now = time.monotonic()
        if ask is None or now - self._asked_at < _EVERY_SECONDS:
            return self._known
        self._asked_at = now
        try:
            self._known = float(ask())
        except Exception:  # no NVML, an old driver, a GPU that does not tell: no reason to end a run
            self._known, self._asked_at = None, float("inf")
        return self._known
