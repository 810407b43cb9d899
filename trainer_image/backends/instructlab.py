"""SFT by instructlab-training. Written to its version 0.16.2; its training has not been run with this.

It reads rows that are tokens already from `data.jsonl` in its data folder. Its learning rate always falls
as a cosine and gradients are always clipped at 1.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from trainer_image import backend_fields
from trainer_image.config import RunConfig
from trainer_image.events import Evaluation, Event, Metrics
from trainer_image.problems import RunFailedError

NAME: Final = "instructlab-training"
PACKAGE: Final = "instructlab.training"
METRICS_FILE: Final = "training_params_and_metrics_global0.jsonl"
FIELDS: Final = backend_fields.INSTRUCTLAB_FIELDS
OURS: Final = backend_fields.INSTRUCTLAB_OURS


def require_expressible(config: RunConfig) -> None:
    differing = {
        "max_steps": (config.max_steps, None),
        "lr_scheduler": (config.lr_scheduler, "cosine"),
        "max_grad_norm": (config.max_grad_norm, 1.0),
        "optimizer": (config.optimizer, "adamw"),
        "early_stopping_patience": (config.early_stopping_patience, None),
        "validation": (config.validation, "off"),
        "eval_samples": (config.eval_samples, None),
        "eval_at_epoch": (config.eval_at_epoch, False),
        "min_improvement": (config.min_improvement, 0.0),
    }
    require_only(NAME, differing)


def require_only(name: str, settings: Mapping[str, tuple[Any, Any]]) -> None:
    """Raise RunFailedError for the first setting that is not the one value the backend has."""
    for setting, (value, only) in settings.items():
        if value != only:
            raise RunFailedError(
                f"The backend {name} cannot do {setting} = {value!r}; it has {only!r} only.",
                f"Set {setting} to {'nothing' if only is None else only}, or the backend to 'native'.",
            )


def arguments(
    config: RunConfig, model: str, folder: Path, *, processes: int, warmup: int, has_validation: bool
) -> dict[str, Any]:
    """Its `TrainingArgs`: each epoch saved, because else it saves nothing, and never the full state, which
    by default it would write at each epoch with 12 bytes a parameter."""
    return {
        "model_path": model,
        "data_path": str(folder / "data.jsonl"),
        "data_output_dir": str(folder),
        "process_data": False,
        "ckpt_output_dir": str(folder),
        "max_seq_len": config.max_seq_len,
        "max_batch_len": config.tokens_at_once,
        "effective_batch_size": config.effective_batch_size * processes,
        "learning_rate": config.learning_rate,
        "num_epochs": config.num_epochs,
        "warmup_steps": warmup,
        "random_seed": config.seed,
        "adamw_weight_decay": config.weight_decay,
        "checkpoint_at_epoch": True,
        "accelerate_full_state_at_epoch": False,
        "validation_split": 0.0,
        **config.backend_args,
    }


def event_of(row: Mapping[str, Any], total_steps: int) -> Event | None:
    if "avg_loss" in row:
        return Metrics(
            step=row["step"],
            total_steps=total_steps,
            epoch=row["epoch"],
            loss=row["avg_loss"],
            learning_rate=row["lr"],
            grad_norm=row.get("gradnorm"),
            samples_seen=row.get("samples_seen", 0),
            gpu_memory_gb=row.get("cuda_mem_allocated"),
        )
    if "val_loss" in row:
        return Evaluation(step=row["step"], loss=row["val_loss"], best=False)
    return None
