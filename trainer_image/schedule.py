"""How long a run lasts and how its learning rate moves: in steps, worked out here and not by a library."""

import math
from typing import Final

from trainer_image.config import RunConfig

OPTIMIZERS: Final = {
    "adamw": "adamw_torch_fused",
    "adamw_8bit": "adamw_8bit",
    "paged_adamw_8bit": "paged_adamw_8bit",
    "sgd": "sgd",
}
"""Our names → those of transformers 5.17."""


def warmup_steps(config: RunConfig, total_steps: int) -> int:
    """Steps of warm-up; of a share, the next whole step, as transformers used to round its `warmup_ratio`."""
    if config.warmup_steps or not config.warmup_ratio:
        return config.warmup_steps
    return math.ceil(round(total_steps * config.warmup_ratio, 6))
