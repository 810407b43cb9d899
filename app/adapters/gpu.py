"""NVIDIA GPUs of this computer, read through NVML. Any other GPU counts as none."""

from collections.abc import Sequence
from typing import Any, Final

from app.domain.gpus import GIB, Gpu

_AMPERE: Final = 8


def nvidia_gpus() -> Sequence[Gpu]:
    """What NVML lists now; empty without an NVIDIA driver."""
    import pynvml  # noqa: PLC0415 the app starts without it

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return ()
    try:
        return tuple(_read(index) for index in range(pynvml.nvmlDeviceGetCount()))
    except pynvml.NVMLError:  # a GPU that fell off the bus
        return ()
    finally:
        pynvml.nvmlShutdown()


def describe_gpus() -> list[str]:
    """One line a GPU, for people."""
    return [f"{gpu.name}, {gpu.memory_bytes / GIB:.0f} GB" for gpu in nvidia_gpus()]


def _read(index: int) -> Gpu:
    import pynvml  # noqa: PLC0415

    device = pynvml.nvmlDeviceGetHandleByIndex(index)
    memory = pynvml.nvmlDeviceGetMemoryInfo(device)
    name = pynvml.nvmlDeviceGetName(device)
    generation, _ = pynvml.nvmlDeviceGetCudaComputeCapability(device)
    return Gpu(
        name if isinstance(name, str) else name.decode(),
        int(memory.total),
        int(memory.free),
        has_bfloat16=generation >= _AMPERE,
        busy_percent=_busy_percent(device),
    )


def _busy_percent(device: Any) -> int | None:
    import pynvml  # noqa: PLC0415

    try:
        return int(pynvml.nvmlDeviceGetUtilizationRates(device).gpu)
    except pynvml.NVMLError:  # MIG parts and some laptops do not say
        return None
