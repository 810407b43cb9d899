"""Which arguments the backends of others know, and which of them the run's own settings decide.

Both sides see it, so it imports the standard library only.
"""

import difflib
from collections.abc import Collection, Mapping
from typing import Final

INSTRUCTLAB_FIELDS: Final = frozenset(
    [
        "model_path",
        "data_path",
        "ckpt_output_dir",
        "data_output_dir",
        "max_seq_len",
        "max_batch_len",
        "effective_batch_size",
        "learning_rate",
        "num_epochs",
        "save_samples",
        "adamw_weight_decay",
        "adamw_betas",
        "adamw_eps",
        "warmup_steps",
        "random_seed",
        "checkpoint_at_epoch",
        "accelerate_full_state_at_epoch",
        "chat_tmpl_path",
        "use_legacy_tmpl",
        "mock_data",
        "mock_data_len",
        "deepspeed_options",
        "fsdp_options",
        "distributed_backend",
        "disable_flash_attn",
        "lora",
        "process_data",
        "keep_last_checkpoint_only",
        "pretraining_config",
        "data_process_num_cpu_procs",
        "use_liger",
        "trust_remote_code",
        "log_level",
        "mlflow_tracking_uri",
        "mlflow_experiment_name",
        "mlflow_run_name",
        "wandb_project",
        "wandb_entity",
        "wandb_run_name",
        "tensorboard_log_dir",
        "validation_split",
        "validation_frequency",
        "on_demand_checkpointing",
        "callbacks",
        "use_dolomite",
        "is_padding_free",
    ]
)
INSTRUCTLAB_OURS: Final = {
    "model_path": "base_model",
    "data_path": "dataset",
    "data_output_dir": "dataset",
    "process_data": "dataset",
    "pretraining_config": "is_pretraining",
    "ckpt_output_dir": "folder",
    "max_seq_len": "max_seq_len",
    "effective_batch_size": "per_device_batch_size and gradient_accumulation_steps",
    "learning_rate": "learning_rate",
    "num_epochs": "num_epochs",
    "warmup_steps": "warmup_steps",
    "random_seed": "seed",
    "adamw_weight_decay": "weight_decay",
}

MINI_TRAINER_FIELDS: Final = frozenset(
    [
        "model_name_or_path",
        "data_path",
        "batch_size",
        "max_tokens_per_gpu",
        "learning_rate",
        "output_dir",
        "num_warmup_steps",
        "lr_scheduler",
        "lr_scheduler_kwargs",
        "seed",
        "beta1",
        "beta2",
        "eps",
        "weight_decay",
        "use_liger_kernels",
        "osft",
        "osft_unfreeze_rank_ratio",
        "osft_target_patterns",
        "osft_upcast_dtype",
        "min_samples_per_checkpoint",
        "training_mode",
        "max_epochs",
        "max_steps",
        "max_tokens",
        "checkpoint_at_epoch",
        "save_final_checkpoint",
        "save_dtype",
        "train_dtype",
        "wandb_project",
        "wandb_entity",
        "wandb_run_name",
        "mlflow_tracking_uri",
        "mlflow_experiment_name",
        "mlflow_run_name",
        "validation_split",
        "validation_data_path",
        "validation_frequency",
        "validate_at_epoch",
        "min_samples_per_validation",
        "validate_at_final",
        "save_best_val_loss",
        "val_loss_improvement_threshold",
        "pretraining_config",
        "trust_remote_code",
        "on_demand_checkpointing",
        "resume_from_full_state_checkpoint",
        "callbacks",
    ]
)
MINI_TRAINER_OURS: Final = {
    "model_name_or_path": "base_model",
    "data_path": "dataset",
    "output_dir": "folder",
    "pretraining_config": "is_pretraining",
    "batch_size": "per_device_batch_size and gradient_accumulation_steps",
    "learning_rate": "learning_rate",
    "num_warmup_steps": "warmup_steps",
    "lr_scheduler": "lr_scheduler",
    "seed": "seed",
    "weight_decay": "weight_decay",
    "osft": "method",
    "osft_unfreeze_rank_ratio": "method.unfreeze_rank_ratio",
    "osft_target_patterns": "method.target_patterns",
    "training_mode": "max_steps",
    "max_epochs": "num_epochs",
    "max_steps": "max_steps",
    "validation_split": "validation",
    "validation_data_path": "validation",
    "validation_frequency": "eval_steps",
    "validate_at_epoch": "eval_at_epoch",
}

_KNOWN: Final[Mapping[str, tuple[Collection[str], Mapping[str, str]]]] = {
    "instructlab-training": (INSTRUCTLAB_FIELDS, INSTRUCTLAB_OURS),
    "mini-trainer": (MINI_TRAINER_FIELDS, MINI_TRAINER_OURS),
}


def fault_of(
    backend: str,
    name: str,
    fields: Collection[str] = (),
    written_to: tuple[Collection[str], Mapping[str, str]] | None = None,
) -> tuple[str, str] | None:
    """Why an argument is none that may be given, and what to do; None if it may be.

    `fields` are those of the installed version; without them, of the version this is written to. `written_to`
    tells its fields and which settings decide some of them, where the backend is none of those known here. A
    backend that takes no arguments at all is the config's own rule.
    """
    known = written_to or _KNOWN.get(backend)
    if known is None:
        return None
    fields, ours = fields or known[0], known[1]
    if name not in fields:
        near = difflib.get_close_matches(name, fields, n=1, cutoff=0)
        return (
            f"The backend {backend} knows no argument '{name}'; the nearest is '{near[0]}'.",
            "Correct backend_args; nothing in them is ever dropped.",
        )
    if name in ours:
        return (
            f"The backend argument '{name}' is decided by the run's {ours[name]}.",
            "Take it out of backend_args and set that instead.",
        )
    return None
