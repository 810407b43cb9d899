"""What a training run is: the one schema the app writes and `train.py` reads.

Both sides import this file, so it may import only the standard library and pydantic.
Every field's `description` is also the help text of its form field in the app.
Raise `SCHEMA_VERSION` when an older config would be refused or would train differently.
"""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt

SCHEMA_VERSION: Final = 1

# The run folder: `train.py` is told where it is and finds everything else by these names.
CONFIG_FILE: Final = "config.json"
EVENTS_FILE: Final = "events.jsonl"
RESULT_FILE: Final = "result.json"
OUTPUT_DIR: Final = "output"
CHECKPOINTS_DIR: Final = "checkpoints"
SAVE_COMMAND: Final = "commands/save"
DATA_FILE: Final = "data/train.jsonl"


class Section(BaseModel):
    """Base of every section: immutable, and a misspelt key is an error, not a silent default."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FileDataset(Section):
    """Rows in a JSONL file. The app always snapshots the rows of a run into the run folder."""

    kind: Literal["file"] = "file"
    path: str = Field(
        DATA_FILE, min_length=1, description="A JSONL file; relative paths start at the run folder."
    )


class HubDataset(Section):
    """A dataset on the Hugging Face Hub."""

    kind: Literal["hub"] = "hub"
    repo: str = Field(min_length=1, description="Dataset repository, like 'tatsu-lab/alpaca'.")
    split: str = Field("train", min_length=1, description="Which split to train on.")
    config: str | None = Field(None, description="Configuration (subset) of the dataset, if it has several.")


Dataset = Annotated[FileDataset | HubDataset, Field(discriminator="kind")]


class Sft(Section):
    """Supervised fine-tuning of every weight."""

    kind: Literal["sft"] = "sft"


class Lora(Section):
    """Low-rank adapters: W + (alpha / r) * B A, with W frozen.

    Source: Hu et al. 2021, arXiv:2106.09685.
    """

    kind: Literal["lora"] = "lora"
    lora_r: PositiveInt = Field(
        16, le=1024, description="Rank of the update. Higher learns more and uses more memory."
    )
    lora_alpha: PositiveInt = Field(
        32, le=4096, description="Scale of the update; twice the rank is a common start."
    )
    lora_dropout: float = Field(
        0.0, ge=0, lt=1, description="Share of adapter inputs dropped while training."
    )
    target_modules: Literal["all-linear", "attention"] = Field(
        "all-linear", description="Which layers get an adapter."
    )


Method = Annotated[Sft | Lora, Field(discriminator="kind")]


class Logging(Section):
    """Other programs that get the run's numbers too. Each is on when one of its settings is there."""

    wandb_project: str | None = Field(None, description="Weights & Biases: project. Else $WANDB_PROJECT.")
    wandb_entity: str | None = Field(None, description="Weights & Biases: team. Else $WANDB_ENTITY.")
    wandb_run_name: str | None = Field(
        None, description="Weights & Biases: name of the run. Else $WANDB_RUN_NAME or $WANDB_NAME."
    )
    mlflow_tracking_uri: str | None = Field(
        None, description="MLflow: server or folder. Else $MLFLOW_TRACKING_URI."
    )
    mlflow_experiment_name: str | None = Field(
        None, description="MLflow: experiment. Else $MLFLOW_EXPERIMENT_NAME."
    )
    mlflow_run_name: str | None = Field(None, description="MLflow: name of the run. Else $MLFLOW_RUN_NAME.")
    tensorboard_log_dir: str | None = Field(
        None, description="TensorBoard: folder; the run gets its own in it. Relative: in the run folder."
    )
    trackio_project: str | None = Field(None, description="Trackio: project, on this computer.")


class Push(Section):
    """Upload of the result to the Hugging Face Hub, with a model card."""

    repo_id: str = Field(
        min_length=1, pattern=r"^[\w.-]+(/[\w.-]+)?$", description="Repository, like 'you/my-model'."
    )
    private: bool = Field(True, description="Only you and your team can see it.")


class RunConfig(Section):
    """Everything `train.py` needs. Secrets never go here: tokens travel as environment variables."""

    schema_version: Literal[1] = SCHEMA_VERSION
    base_model: str = Field(min_length=1, description="Hub name or folder of the model to start from.")
    dataset: Dataset = FileDataset()
    method: Method = Lora()

    num_epochs: PositiveInt = Field(1, le=1000, description="Passes over the training data.")
    max_steps: PositiveInt | None = Field(
        None, description="Stop after this many optimiser steps; empty means all epochs."
    )
    learning_rate: float = Field(
        2e-4, gt=0, lt=1, description="Peak learning rate. 2e-4 suits LoRA, 5e-6 to 2e-5 all weights."
    )
    per_device_batch_size: PositiveInt = Field(
        2, le=4096, description="Examples in memory at once. Lower it when memory runs out."
    )
    gradient_accumulation_steps: PositiveInt = Field(
        4, le=4096, description="Batches summed before each step; raises the effective batch without memory."
    )
    max_seq_len: PositiveInt = Field(
        2048, le=1_048_576, description="Longest example in tokens. Longer rows are left out and counted."
    )
    lr_scheduler: Literal["cosine", "linear", "constant"] = Field(
        "cosine", description="How the learning rate falls after warm-up."
    )
    warmup_steps: NonNegativeInt = Field(0, description="Steps over which the learning rate rises from zero.")
    weight_decay: float = Field(0.01, ge=0, lt=1, description="Pull of the weights towards zero.")
    max_grad_norm: float = Field(1.0, gt=0, description="Longest gradient; longer ones are shortened to it.")
    seed: NonNegativeInt = Field(
        3407, lt=2**32, description="Same seed, data and machine give the same result."
    )

    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="Number format while training. Auto: bfloat16 where the GPU has it."
    )
    gradient_checkpointing: bool = Field(
        False, description="Recompute activations to save memory; about a quarter slower."
    )
    on_oom_shorten: bool = Field(
        False,
        description="When memory runs out and smaller batches don't help: cut rows to half their length.",
    )
    probe_memory: bool = Field(
        True, description="After the first step, measure the peak of memory on the longest rows."
    )
    save_steps: PositiveInt = Field(
        25, description="A checkpoint after every so many steps; a run resumes from its last one."
    )
    save_full_state: bool = Field(
        True,
        description="Checkpoints hold the optimiser's state too. Off: a third of the size, but no resuming.",
    )
    keep_checkpoints: PositiveInt = Field(2, le=100, description="How many checkpoints stay on disk.")
    push: Push | None = Field(None, description="Upload the result to the Hugging Face Hub when it is saved.")
    logging: Logging = Field(Logging(), description="Other programs that get the run's numbers too.")
    offline: bool = Field(
        False, description="Never reach for the network: model and data must be on this computer."
    )

    @property
    def effective_batch_size(self) -> int:
        """Examples behind one optimiser step on one device."""
        return self.per_device_batch_size * self.gradient_accumulation_steps
