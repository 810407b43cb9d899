"""NVIDIA GPUs of this computer, read through NVML. Any other GPU counts as none.

Where the user's own `CUDA_VISIBLE_DEVICES` names some, the others are none of our business.
"""

import os
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Any, Final

from app.domain.gpus import GIB, Gpu

_AMPERE: Final = 8


def nvidia_gpus() -> Sequence[Gpu]:
    """What NVML lists now, of what may be used; empty without an NVIDIA driver."""
    import pynvml  # noqa: PLC0415 the app starts without it

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return ()
    try:
        return tuple(_read(handle) for handle in _usable())
    except pynvml.NVMLError:  # a GPU that fell off the bus
        return ()
    finally:
        pynvml.nvmlShutdown()


def describe_gpus() -> list[str]:
    """One line a GPU, for people."""
    return [f"{gpu.name}, {gpu.memory_bytes / GIB:.0f} GB" for gpu in nvidia_gpus()]


def cuda_name(number: int) -> str:
    """What CUDA and Docker are to be told of the GPU of that number in `nvidia_gpus`."""
    named = named_by_user()
    return named[number] if named is not None and number < len(named) else str(number)


def named_by_user() -> list[str] | None:
    """The GPUs that `CUDA_VISIBLE_DEVICES` names, by number or UUID; None if it leaves the choice to us."""
    said = os.environ.get("CUDA_VISIBLE_DEVICES")
    if said is None:
        return None
    names = [name.strip() for name in said.split(",")]
    # CUDA itself ignores everything from the first name on that is none.
    return list(takewhile(lambda name: name.isdigit() or name.startswith("GPU-"), names))


def _usable() -> Iterator[Any]:
    import pynvml  # noqa: PLC0415

    named = named_by_user()
    handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
    if named is None:
        yield from handles
        return
    for name in named:
        for index, handle in enumerate(handles):
            uuid = pynvml.nvmlDeviceGetUUID(handle)
            if name == str(index) or (name.startswith("GPU-") and str(uuid).startswith(name)):
                yield handle


def _read(device: Any) -> Gpu:
    import pynvml  # noqa: PLC0415

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
