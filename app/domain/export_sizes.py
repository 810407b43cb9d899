"""What an export takes beforehand: on the disk, and in which memory."""

from dataclasses import dataclass
from typing import Final

from app.domain.export_formats import ComputesOn
from app.domain.exports import Estimate, ExportFormat, ExportWish

ROOM_TO_SPARE: Final = 1.05
_ROOM_BESIDE: Final = 1.2
"""A model in memory, with what reading a prompt and merging one matrix after the other take beside it."""
_PYTORCH_BYTES: Final = 1_000_000_000


@dataclass(frozen=True)
class WholeModel:
    """What is known of the model that is loaded: the base of an adapter, or what the run made."""

    parameters: int | None = None
    """None where nobody can tell before it is loaded."""
    bytes_a_weight: float = 2.0
    """As it is stored: a merge keeps that until it is converted."""
    is_factored: bool = False
    """A checkpoint of OSFT: it is multiplied out first, into a copy of its own."""
    download_bytes: int = 0
    """Still to be got from the Hub."""

    @property
    def stored_bytes(self) -> int | None:
        return None if self.parameters is None else round(self.parameters * self.bytes_a_weight)


def memory_of(model_bytes: int) -> int:
    """So much a model takes with what is done with it, in whichever memory it is."""
    return round(model_bytes * _ROOM_BESIDE) + _PYTORCH_BYTES


def fits_on_card(wanted: ComputesOn, model_bytes: int, card_free_bytes: int | None) -> bool:
    """`card_free_bytes` of the card with the most; None without any."""
    if wanted is ComputesOn.CPU or card_free_bytes is None:
        return False
    return memory_of(model_bytes) <= card_free_bytes


def estimate(
    wish: ExportWish,
    model: WholeModel,
    *,
    adapter_bytes: int,
    is_adapter: bool,
    free_bytes: int,
    download_free_bytes: int = 0,
    is_one_disk: bool = False,
    card_free_bytes: int | None = None,
) -> Estimate:
    """`is_one_disk`: downloads go to the disk that the export is written to."""
    stored = model.stored_bytes
    size, needed = on_disk(wish, model, adapter_bytes=adapter_bytes, is_adapter=is_adapter)
    is_needed = wish.format is not ExportFormat.ADAPTER  # that is copied also where its base is not to be had
    if needed is not None and is_one_disk and is_needed:
        needed += model.download_bytes
    return Estimate(
        size,
        needed,
        free_bytes,
        None if stored is None else _memory(model, stored),
        on_card=stored is not None and fits_on_card(wish.computes_on, stored, card_free_bytes),
        download_bytes=model.download_bytes if is_needed else 0,
        download_free_bytes=download_free_bytes,
    )


def on_disk(
    wish: ExportWish, model: WholeModel, *, adapter_bytes: int, is_adapter: bool
) -> tuple[int | None, int | None]:
    """(bytes of the export, bytes while it is made)."""
    if wish.format is ExportFormat.ADAPTER:
        return adapter_bytes, adapter_bytes
    stored = model.stored_bytes
    if model.parameters is None or stored is None:
        return None, None
    sixteen = model.parameters * 2
    size = round(model.parameters * wish.bits / 8)
    steps = size + (stored if model.is_factored else 0)
    if wish.format is ExportFormat.MLX:
        steps += sixteen
    if wish.format is ExportFormat.GGUF and is_adapter:
        steps += stored
    if wish.format is ExportFormat.GGUF and wish.quantization.is_mixture:
        steps += sixteen
    return size, round(steps * ROOM_TO_SPARE)


def _memory(model: WholeModel, stored: int) -> int:
    if model.is_factored and model.parameters is not None:
        return memory_of(stored + model.parameters * 4)  # the factors, and the model they make in 32 bits
    return memory_of(stored)
