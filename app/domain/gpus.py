"""What is known of a GPU of this computer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

GIB: Final = 1024**3


@dataclass(frozen=True)
class Gpu:
    """One NVIDIA GPU, as NVML tells it now."""

    name: str
    memory_bytes: int
    free_bytes: int
    has_bfloat16: bool = True
    """Ampere and newer; older ones compute in float32, with twice the memory for what a step makes."""
    busy_percent: int | None = None
    """How much of the last moment it computed; None where the driver does not say."""


Gpus = Callable[[], Sequence[Gpu]]
"""Reads them now; empty without an NVIDIA driver."""
