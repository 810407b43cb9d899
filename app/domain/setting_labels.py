"""What each setting of a run is called, for people: by its place in a setup or in a run's config."""

from types import MappingProxyType
from typing import Final

_LABELS: Final = MappingProxyType(
    {
        "skill": "Skill",
        "preset": "Preset",
        "target": "Training target",
        "session": "Session",
        "session_name": "Name of the session",
        "file": "Data file",
        "output_name": "Output name",
        "answers.goal": "What it shall learn",
        "answers.keep": "Must it keep what it could before",
        "answers.matters": "What matters more",
        "docker.image": "Docker image",
        "docker.data_dir": "Host data folder",
        "docker.use_gpu": "Use GPU",
        "docker.pass_hf_token": "Pass HF token",
        "docker.container_name": "Container name",
        "base_model": "Base model",
        "dataset.kind": "Kind of dataset",
        "dataset.path": "Rows of the run",
        "dataset.repo": "Hugging Face dataset",
        "dataset.split": "Split",
        "dataset.config": "Configuration",
        "method.kind": "Method",
        "method.lora_r": "LoRA rank (r)",
        "method.lora_alpha": "LoRA alpha",
        "method.lora_dropout": "LoRA dropout",
        "method.target_modules": "Target modules",
        "method.target_patterns": "Target patterns",
        "method.use_rslora": "Rank-stabilised (rsLoRA)",
        "method.use_dora": "DoRA",
        "method.load_in_4bit": "Frozen model in 4 bits",
        "method.load_in_8bit": "Frozen model in 8 bits",
        "method.unfreeze_rank_ratio": "Unfreeze rank ratio",
        "method.train_rest": "Train the rest too",
        "backend": "Backend",
        "backend_args": "Backend arguments",
        "method_plugin": "Method of another package",
        "backend_plugin": "Backend of another package",
        "distributed.nproc_per_node": "Processes per node",
        "distributed.nnodes": "Nodes",
        "distributed.node_rank": "Node rank",
        "distributed.rdzv_id": "Rendezvous id",
        "distributed.rdzv_endpoint": "Rendezvous endpoint",
        "distributed.master_addr": "Master address",
        "distributed.master_port": "Master port",
        "distributed.strategy": "Strategy",
        "distributed.enable_model_splitting": "Split one model over the GPUs",
        "num_epochs": "Epochs",
        "max_steps": "Max steps",
        "learning_rate": "Learning rate",
        "per_device_batch_size": "Per-device batch size",
        "gradient_accumulation_steps": "Gradient accumulation",
        "max_tokens_per_gpu": "Tokens at once",
        "max_seq_len": "Max sequence length",
        "lr_scheduler": "Learning rate schedule",
        "warmup_steps": "Warm-up steps",
        "warmup_ratio": "Warm-up share",
        "optimizer": "Optimizer",
        "weight_decay": "Weight decay",
        "max_grad_norm": "Max gradient norm",
        "seed": "Seed",
        "over_long": "Rows that are too long",
        "min_seq_len": "Shortest row",
        "drop_duplicates": "Each row only once",
        "max_lost_share": "Most rows lost",
        "unmask_messages": "Learn questions too",
        "is_pretraining": "Plain documents",
        "block_size": "Block size",
        "document_column_name": "Column with the text",
        "packing": "Packing",
        "validation": "Validation",
        "validation_share": "Validation share",
        "validation_file": "Validation file",
        "eval_steps": "Measure every N steps",
        "measure_first": "Measure before training",
        "samples": "Sample answers",
        "sample_tokens": "Longest sample",
        "load_best": "Result is the best model",
        "early_stopping_patience": "Early stopping",
        "precision": "Precision",
        "gradient_checkpointing": "Gradient checkpointing",
        "on_oom_shorten": "Shorten rows when memory runs out",
        "probe_memory": "Measure memory first",
        "save_steps": "Save every N steps",
        "save_at_epoch": "Save at each epoch",
        "save_full_state": "Checkpoints can be resumed",
        "keep_checkpoints": "Checkpoints kept",
        "push": "Push to Hub",
        "push.repo_id": "Push to Hub repository",
        "push.private": "Private on the Hub",
        "push.every_save": "Push at every save",
        "logging.tensorboard_log_dir": "TensorBoard folder",
        "logging.trackio_project": "Trackio project",
        "logging.trackio_space_id": "Trackio Space",
        "logging.wandb_project": "W&B project",
        "logging.wandb_entity": "W&B entity",
        "logging.wandb_run_name": "W&B run name",
        "logging.mlflow_tracking_uri": "MLflow tracking URI",
        "logging.mlflow_experiment_name": "MLflow experiment",
        "logging.mlflow_run_name": "MLflow run name",
        "offline": "Offline",
    }
)
"""Place, with dots between its parts and without a setup's `config.` → label."""


def label_of(path: str) -> str:
    """The label of what stands at `path`; a setting without one of its own is called by its name."""
    path = path.removeprefix("config.")
    if known := _LABELS.get(path):
        return known
    owner, _, name = path.rpartition(".")
    if owner == "backend_args":
        return f"Backend argument {name}"
    return name.replace("_", " ").capitalize()


def label_named(name: str) -> str:
    """The label of the setting whose field has this name, in whichever section; empty if there is none."""
    return next((label for path, label in _LABELS.items() if path.rpartition(".")[2] == name), "")
