"""What a run's memory really came to: the allocator's peak on a GPU, the process's on a CPU."""

import sys
from pathlib import Path
from typing import Any, Literal

import psutil
import torch


class PeakMeter:
    """Made before the model is loaded, so that on a CPU the libraries themselves are not counted."""

    def __init__(self, device: Literal["cpu", "cuda"]) -> None:
        self._device = device
        self._before = 0 if device == "cuda" else _resident_now()
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()

    def peak(self) -> int:
        """Bytes of tensors at the highest point so far (CPU: bytes the process has grown by)."""
        if self._device == "cuda":
            return int(torch.cuda.max_memory_allocated())
        return max(_resident_peak() - self._before, 0)

    def reserved(self) -> int | None:
        """Bytes the allocator took from the GPU at the highest point; None on a CPU."""
        return int(torch.cuda.max_memory_reserved()) if self._device == "cuda" else None


def available_bytes(device: Literal["cpu", "cuda"]) -> int:
    """All memory of the GPU; what the computer has to spare where there is none."""
    if device == "cuda":
        return int(torch.cuda.mem_get_info()[1])
    return int(psutil.virtual_memory().available)


def _resident_now() -> int:
    return int(psutil.Process().memory_info().rss)


def _resident_peak() -> int:
    """Bytes.

    Linux's `ru_maxrss` would not do: it begins with the peak of the process that started this one.
    """
    if sys.platform == "win32":
        info: Any = psutil.Process().memory_info()
        return int(info.peak_wset)
    if sys.platform == "linux":
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])
    import resource  # noqa: PLC0415 not on Windows

    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def share_in_use(device: Literal["cpu", "cuda"]) -> float:
    """Of all memory of the GPU, what the allocator held at its highest point; on a CPU, of what this process
    has and could still get."""
    if device == "cuda":
        return float(torch.cuda.max_memory_reserved() / torch.cuda.mem_get_info()[1])
    return _resident_peak() / (_resident_now() + available_bytes("cpu"))
