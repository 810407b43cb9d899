"""How long a run lasts and how its learning rate moves: in steps, worked out here and not by a library."""

import importlib.util
import math
from typing import Any, Final

from trainer_image.config import RunConfig
from trainer_image.problems import RunFailedError

OPTIMIZERS: Final = {
    "adamw": "adamw_torch_fused",
    "adamw_8bit": "adamw_8bit",
    "paged_adamw_8bit": "paged_adamw_8bit",
    "sgd": "sgd",
}
"""Our names → those of transformers 5.17."""


def require_optimizer(config: RunConfig) -> None:
    """Raise RunFailedError if the optimiser needs a package that is not installed."""
    if "8bit" in config.optimizer and importlib.util.find_spec("bitsandbytes") is None:
        raise RunFailedError(
            f"The optimizer {config.optimizer} needs the package bitsandbytes, which is not installed.",
            "Install it, or set the optimizer to 'adamw'.",
        )


def warmup_steps(config: RunConfig, total_steps: int) -> int:
    """Steps of warm-up; of a share, the next whole step, as transformers used to round its `warmup_ratio`."""
    if config.warmup_steps or not config.warmup_ratio:
        return config.warmup_steps
    return math.ceil(round(total_steps * config.warmup_ratio, 6))


def require_longer_than(done: int, total_steps: int) -> None:
    """Raise RunFailedError if a run whose length was changed has made all its steps already."""
    if total_steps <= done:
        raise RunFailedError(
            f"This run cannot be resumed: it has made {done} steps, and is now to have only {total_steps}.",
            "Raise num_epochs or max_steps; the model as it was is in the newest checkpoint.",
        )


def catch_up(scheduler: Any) -> None:
    """Give the optimiser the rate that the schedule, rebuilt for another length, has for the next step.

    A checkpoint brings the old one's along, which would hold for one more step.
    """
    pairs = zip(scheduler.base_lrs, scheduler.lr_lambdas, strict=True)
    rates = [base * share(scheduler.last_epoch) for base, share in pairs]
    for group, rate in zip(scheduler.optimizer.param_groups, rates, strict=True):
        group["lr"] = rate
    scheduler._last_lr = rates
