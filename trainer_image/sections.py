"""The sections of a run's config: where the rows come from, the methods, who is told, who trains together.

Both sides see them through `config.py`; like it this imports only the standard library and pydantic.
"""

import re
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    model_validator,
)

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


def _compiles(pattern: str) -> str:
    if any(character.isspace() for character in pattern):
        raise ValueError(f"'{pattern}' has a space in it, which no layer's name has")
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"'{pattern}' is not a regular expression: {error}") from None
    return pattern


Pattern = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_compiles)]
"""A regular expression, looked for anywhere in a layer's full name, like `model.layers.0.mlp.up_proj`."""


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
    target_modules: Literal["auto", "all-linear", "attention", "custom"] = Field(
        "all-linear",
        description="Which layers get an adapter. Auto: the attention and MLP layers that models usually "
        "name so. Custom: those that the target patterns match.",
    )
    target_patterns: tuple[Pattern, ...] = Field(
        (),
        max_length=100,
        description="Regular expressions over the names of layers, for custom target modules only. Each must "
        "match a layer.",
    )
    use_rslora: bool = Field(
        False, description="Scale by alpha / √r instead of alpha / r, so that high ranks learn too."
    )
    use_dora: bool = Field(
        False, description="Learn length and direction of the weights apart: often better, and slower."
    )
    load_in_4bit: bool = Field(
        False, description="QLoRA: keep the frozen model in 4 bits (nf4), at about a quarter of the memory."
    )
    load_in_8bit: bool = Field(
        False, description="Keep the frozen model in 8 bits: about half the memory, closer to the original."
    )

    @model_validator(mode="after")
    def _fields_agree(self) -> Self:
        if self.load_in_4bit and self.load_in_8bit:
            raise ValueError("load_in_4bit and load_in_8bit exclude each other: choose one")
        if self.use_dora and self.load_in_8bit:  # PEFT 0.21.2 loses the scales of bitsandbytes 0.50.2
            raise ValueError("use_dora does not work with load_in_8bit: choose load_in_4bit")
        if self.target_modules == "custom" and not self.target_patterns:
            raise ValueError("custom target_modules need target_patterns")
        if self.target_modules != "custom" and self.target_patterns:
            raise ValueError("target_patterns go with target_modules = 'custom' only")
        return self


class Osft(Section):
    """Orthogonal subspace fine-tuning: each weight's strongest singular directions stay as they are.

    Source: Nayak et al. 2025, arXiv:2504.07097, with one ratio for all layers.
    """

    kind: Literal["osft"] = "osft"
    unfreeze_rank_ratio: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Share of each weight's directions that may learn, the weakest first. Lower keeps more "
        "of what the model knew; 1 lets all of them learn.",
    )
    target_patterns: tuple[Pattern, ...] = Field(
        (),
        max_length=100,
        description="Regular expressions over the names of layers; each must match one. Empty: the attention "
        "and MLP layers that models usually name so.",
    )
    train_rest: bool = Field(
        False,
        description="Train embeddings, norms, biases and the output layer too, without any constraint: "
        "learns faster and forgets more.",
    )


Method = Annotated[Sft | Lora | Osft, Field(discriminator="kind")]


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
    trackio_project: str | None = Field(
        None, description="Trackio: project; on this computer unless a Space is named."
    )
    trackio_space_id: str | None = Field(
        None,
        pattern=r"^[\w.-]+/[\w.-]+$",
        description="Trackio: Space on the Hugging Face Hub, like 'you/curves', that gets the numbers; made "
        "private if it is not there. Needs a token that may write.",
    )


class Push(Section):
    """Upload of the result to the Hugging Face Hub, with a model card."""

    repo_id: str = Field(
        min_length=1, pattern=r"^[\w.-]+(/[\w.-]+)?$", description="Repository, like 'you/my-model'."
    )
    private: bool = Field(True, description="Only you and your team can see it.")
    every_save: bool = Field(
        False,
        description="Also upload each checkpoint's weights while training, into 'last-checkpoint'; a newer "
        "one replaces the older. The run never waits for it.",
    )


class Distributed(Section):
    """Several processes that train one model together, or one process over several GPUs.

    What is None is taken from the environment (PET_NPROC_PER_NODE and so on, as torchrun does), and else
    means one process on one computer.
    """

    nproc_per_node: PositiveInt | Literal["gpu", "auto"] | None = Field(
        None, description="Processes on each computer: a number, 'gpu' for one per GPU, 'auto' also without."
    )
    nnodes: PositiveInt | None = Field(None, description="Computers that train together.")
    node_rank: NonNegativeInt | None = Field(None, description="Which of the computers this one is, from 0.")
    rdzv_id: str | None = Field(
        None, min_length=1, description="Name of the meeting, alike on all computers."
    )
    rdzv_endpoint: str | None = Field(
        None, min_length=1, description="Where the computers meet, as host:port of one of them."
    )
    master_addr: str | None = Field(
        None, min_length=1, description="Address of the first computer, instead of a rendezvous endpoint."
    )
    master_port: PositiveInt | None = Field(None, le=65535, description="Port on the first computer.")
    strategy: Literal["ddp", "fsdp"] = Field(
        "ddp", description="ddp: each process holds the whole model. fsdp: each holds a part of it."
    )
    enable_model_splitting: bool = Field(
        False, description="Spread the layers of one model over the GPUs of one process instead."
    )

    @model_validator(mode="after")
    def _fields_agree(self) -> Self:
        if self.rdzv_endpoint and (self.master_addr or self.master_port):
            raise ValueError("rdzv_endpoint and master_addr or master_port exclude each other")
        if self.enable_model_splitting and self.strategy == "fsdp":
            raise ValueError("enable_model_splitting and strategy 'fsdp' exclude each other")
        if self.enable_model_splitting and (self.nproc_per_node or 1) != 1:
            raise ValueError("enable_model_splitting is for one process: nproc_per_node must be 1")
        if self.enable_model_splitting and (self.nnodes or 1) > 1:
            raise ValueError("enable_model_splitting is for one computer: nnodes must be 1")
        return self
