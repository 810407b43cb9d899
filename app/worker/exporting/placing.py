"""Where a model computes: on the graphics card if it fits there, else on the processor."""

import logging
import shutil
from typing import Any, Final

import psutil
import torch

from app.domain.errors import StudioError
from app.domain.export_sizes import WholeModel, fits_on_card, on_disk
from app.domain.exports import ComputesOn, ExportJob, ExportWish
from app.domain.sizes import sized
from app.worker.exporting.watching import size_of

log = logging.getLogger(__name__)

_ROOM: Final = 0.6
"""So much of the free memory a model may take in 32 bits; else it stays in those it is stored in."""


def device_for(wanted: ComputesOn, model_bytes: int) -> str:
    """What PyTorch calls the place for a model of so many bytes."""
    free = {number: torch.cuda.mem_get_info(number)[0] for number in range(_cards())}
    card = max(free, key=lambda number: free[number], default=None)
    most = None if card is None else free[card]
    return place_for(wanted, model_bytes, most, card, has_mps=_has_mps())


def place_for(
    wanted: ComputesOn, model_bytes: int, card_free_bytes: int | None, card: int | None, *, has_mps: bool
) -> str:
    """An Apple GPU has the computer's own memory: what fits in one fits in the other."""
    if fits_on_card(wanted, model_bytes, card_free_bytes):
        return f"cuda:{card}"
    return "mps" if has_mps and wanted is ComputesOn.AUTO else "cpu"


def put(model: Any, wanted: ComputesOn) -> Any:
    """The loaded model where it is to compute. In the computer's own memory in 32 bits where there is room,
    as answers are compared."""
    model_bytes = bytes_of(model)
    device = device_for(wanted, model_bytes)
    log.info("%.1f GB compute on %s", model_bytes / 1e9, device)
    if not device.startswith("cuda") and _fits_in_32_bits(model):
        model = model.float()
    return model.to(device)


def bytes_of(model: Any) -> int:
    return sum(weight.numel() * weight.element_size() for weight in model.parameters())


def require_room(job: ExportJob, model: Any, dtype: torch.dtype) -> None:
    """Raises StudioError: now that the model is loaded it is known what it takes on the disk."""
    # An adapter counts with it, which is a few hundredths and goes into the room to spare.
    weights = sum(weight.numel() for weight in model.parameters())
    wish = ExportWish(job.format, job.staging, job.quantization, mlx_bits=job.mlx_bits)
    whole = WholeModel(weights, dtype.itemsize)
    _, needed = on_disk(wish, whole, adapter_bytes=size_of(job.model), is_adapter=job.is_adapter)
    free = shutil.disk_usage(job.staging).free
    if needed is not None and needed > free:
        raise StudioError(
            f"The export takes about {sized(needed)} while it is made, and {sized(free)} are free there.",
            "Free some space, choose a folder on another disk, or a smaller quantisation.",
        )


def _fits_in_32_bits(model: Any) -> bool:
    weights = sum(weight.numel() for weight in model.parameters() if weight.is_floating_point())
    return bool(weights * 4 <= psutil.virtual_memory().available * _ROOM)


def _cards() -> int:
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def _has_mps() -> bool:
    return bool(torch.backends.mps.is_available())
