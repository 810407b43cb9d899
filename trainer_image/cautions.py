"""Settings that work and are seldom wise, each with its sentence. Imports no training library."""

from typing import Final

from trainer_image.config import Lora, Osft, RunConfig
from trainer_image.demand import EngineName

FEW_ROWS: Final = 1_000
MANY_EPOCHS: Final = 3
LARGE_MODEL: Final = 8_000_000_000
USUAL_RATIO: Final = 0.5


def cautions(config: RunConfig, *, rows: int, parameters: int, engine: EngineName) -> list[str]:
    """Warnings for a run on so many rows of so large a model. Source: the training_hub guides."""
    method, found = config.method, []
    if config.num_epochs > MANY_EPOCHS and not config.max_steps and rows < FEW_ROWS:
        found.append(
            f"{config.num_epochs} epochs over {rows:,} row{'s' * (rows != 1)}: beyond {MANY_EPOCHS} a model "
            "soon knows so few rows by heart. Watch the validation loss."
        )
    if isinstance(method, Osft) and method.unfreeze_rank_ratio > USUAL_RATIO and parameters >= LARGE_MODEL:
        found.append(
            f"unfreeze_rank_ratio {method.unfreeze_rank_ratio:g} lets a model of this size forget: from 8 "
            f"billion parameters on more than {USUAL_RATIO:g} is seldom needed."
        )
    if isinstance(method, Lora) and method.lora_dropout > 0 and engine == "unsloth":
        found.append(
            "lora_dropout above 0 turns Unsloth's fast path off: 0 is faster, and usually learns as well."
        )
    return found
