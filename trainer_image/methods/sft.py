"""Supervised fine-tuning of every weight."""

from pathlib import Path
from typing import Any, Final, Literal

from trainer_image.config import Sft

OUTPUT_KIND: Final[Literal["weights"]] = "weights"
# An update of 1e-5 of a weight's size is lost in bfloat16, which keeps 8 bits.
FLOAT32_WEIGHTS: Final = True


def prepare(model: Any, settings: Sft) -> Any:
    model.requires_grad_(True)
    return model


def save(model: Any, folder: Path, *, base_model: str, dtype: Any) -> None:
    """Save in the number format of the base model: trained in float32, but not twice its size on disk."""
    model.to(dtype or model.dtype).save_pretrained(folder)
