"""Supervised fine-tuning of every weight."""

from pathlib import Path
from typing import Any, Final, Literal

from trainer_image.config import Sft
from trainer_image.problems import RunFailedError

OUTPUT_KIND: Final[Literal["weights"]] = "weights"
# An update of 1e-5 of a weight's size is lost in bfloat16, which keeps 8 bits.
FLOAT32_WEIGHTS: Final = True


def prepare(model: Any, settings: Sft) -> Any:
    """Make every weight learn. Raises RunFailedError if the model is quantised."""
    require_unquantised(model, "Training all weights")
    model.requires_grad_(True)
    return model


def describe(model: Any, settings: Sft) -> list[str]:
    return []


def attach(loop: Any) -> None:
    """The loop needs nothing else."""


def save(model: Any, folder: Path, *, base_model: str, dtype: Any) -> None:
    """Save in the number format of the base model: trained in float32, but not twice its size on disk."""
    model.to(dtype or model.dtype).save_pretrained(folder)


def require_unquantised(model: Any, method: str) -> None:
    """Raise RunFailedError if the base model comes in few bits: those cannot be changed little by little."""
    if getattr(model.config, "quantization_config", None) is not None:
        raise RunFailedError(
            f"{method} is not possible on a quantised base model.",
            "Choose the model's unquantised version, or LoRA as the method.",
        )
