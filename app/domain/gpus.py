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


def freest(gpus: Sequence[Gpu]) -> int | None:
    """Number of the one with the most free memory, the first of several alike; None without any."""
    return max(range(len(gpus)), key=lambda n: min(gpus[n].free_bytes, gpus[n].memory_bytes), default=None)


def called(gpus: Sequence[Gpu], number: int) -> str:
    """Its name, and where there are several its number, as NVML counts those that may be used."""
    return f"GPU {number}, {gpus[number].name}" if len(gpus) > 1 else gpus[number].name


Gpus = Callable[[], Sequence[Gpu]]
"""Reads those that may be used now; empty without an NVIDIA driver."""
