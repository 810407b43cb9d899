"""OSFT by mini-trainer. Written to its version 0.9.0; its training has not been run with this.

It reads tokens. It trains everything beside the chosen layers too, and finds these by parts of their names.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from trainer_image import backend_fields
from trainer_image.backends.instructlab import require_only
from trainer_image.config import Osft, RunConfig
from trainer_image.events import Event, Metrics
from trainer_image.problems import RunFailedError, bad_config

NAME: Final = "mini-trainer"
PACKAGE: Final = "mini_trainer"
METRICS_FILE: Final = "training_metrics_0.jsonl"
FIELDS: Final = backend_fields.MINI_TRAINER_FIELDS
OURS: Final = backend_fields.MINI_TRAINER_OURS
_NOT_PASSED_ON: Final = ("beta1", "beta2", "eps")
"""Fields that version 0.9.0 takes and then forgets on the way to its processes, as it does weight_decay."""


def require_expressible(config: RunConfig) -> None:
    method = _osft(config)
    require_only(
        NAME,
        {
            "weight_decay": (config.weight_decay, 0.0),
            "max_grad_norm": (config.max_grad_norm, 1.0),
            "optimizer": (config.optimizer, "adamw"),
            "early_stopping_patience": (config.early_stopping_patience, None),
            "eval_samples": (config.eval_samples, None),
            "min_improvement": (config.min_improvement, 0.0),
            "method.train_rest": (method.train_rest, True),
        },
    )
    for name in _NOT_PASSED_ON:
        if name in config.backend_args:
            raise bad_config(
                f"mini-trainer 0.9.0 takes the argument '{name}' and does not pass it on to training.",
                "Take it out of backend_args; the run would not be what it says.",
            )
    for pattern in method.target_patterns:
        if not re.fullmatch(r"[\w.]+", pattern):
            raise RunFailedError(
                f"The backend {NAME} looks for parts of names, and '{pattern}' is a regular expression.",
                "Write parts of layers' names, like q_proj, or set the backend to 'native'.",
            )


def arguments(
    config: RunConfig, model: str, folder: Path, *, processes: int, warmup: int, has_validation: bool
) -> dict[str, Any]:
    """Its `TrainingArgs`. At ratio 1 every direction learns, so OSFT is off: on, version 0.9.0 would take its
    0 frozen for unset and freeze half."""
    method = _osft(config)
    validation = {
        "validation_data_path": str(folder / "validation.jsonl"),
        "validation_frequency": config.eval_steps,
        "validate_at_epoch": config.eval_at_epoch,
    }
    return {
        "model_name_or_path": model,
        "data_path": str(folder / "data.jsonl"),
        "output_dir": str(folder),
        "batch_size": config.effective_batch_size * processes,
        "max_tokens_per_gpu": config.tokens_at_once,
        "learning_rate": config.learning_rate,
        "num_warmup_steps": warmup,
        "lr_scheduler": config.lr_scheduler
        if not (warmup and config.lr_scheduler == "constant")
        else "constant_with_warmup",
        "seed": config.seed,
        "osft": method.unfreeze_rank_ratio < 1,
        "osft_unfreeze_rank_ratio": method.unfreeze_rank_ratio,
        "osft_target_patterns": list(method.target_patterns) or None,
        "training_mode": "step" if config.max_steps else "epoch",
        "max_epochs": config.num_epochs,
        "max_steps": config.max_steps or 0,
        "checkpoint_at_epoch": True,
        "save_final_checkpoint": True,
        **(validation if has_validation else {}),
        **config.backend_args,
    }


def event_of(row: Mapping[str, Any], total_steps: int) -> Event | None:
    """Validation losses are left out: each line repeats the last one, and does not say when it was new."""
    if "loss" not in row:
        return None
    return Metrics(
        step=row["step"],
        total_steps=total_steps,
        epoch=row["epoch"],
        loss=row["loss"],
        learning_rate=row["lr"],
        grad_norm=row.get("grad_norm"),
        tokens_per_second=row.get("tokens_per_second"),
        samples_seen=int(row.get("total_samples_accumulated", 0)),
        tokens_seen=int(row.get("total_tokens_accumulated", 0)),
        gpu_memory_gb=row.get("peak_memory_usage_GB"),
    )


def _osft(config: RunConfig) -> Osft:
    assert isinstance(config.method, Osft)
    return config.method
