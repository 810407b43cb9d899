"""What a training run is: the one schema the app writes and `train.py` reads.

Both sides import this file, so it may import only the standard library and pydantic. Its sections stand in
`sections.py`.
Every field's `description` is also the help text of its form field in the app.
Raise `SCHEMA_VERSION` when an older config would be refused or would train differently.
"""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from trainer_image.sections import (
    DATA_FILE,
    Dataset,
    Distributed,
    FileDataset,
    HubDataset,
    Logging,
    Lora,
    Method,
    Osft,
    Pattern,
    Push,
    Section,
    Sft,
)

__all__ = [
    "DATA_FILE", "Dataset", "Distributed", "FileDataset", "HubDataset", "Logging", "Lora", "Method", "Osft",
    "Pattern", "Push", "RunConfig", "Section", "Sft",
]  # fmt: skip

SCHEMA_VERSION: Final = 1

# The run folder: `train.py` is told where it is and finds everything else by these names.
CONFIG_FILE: Final = "config.json"
EVENTS_FILE: Final = "events.jsonl"
RESULT_FILE: Final = "result.json"
OUTPUT_DIR: Final = "output"
CHECKPOINTS_DIR: Final = "checkpoints"
EXTENSION_FILE: Final = "checkpoints/.extended.json"
"""The length a run was made longer to on purpose: what `RunConfig.length` gives."""
SAVE_COMMAND: Final = "commands/save"
SAMPLE_COMMAND: Final = "commands/sample"
FINISH_COMMAND: Final = "commands/finish"
"""End here and finish: the result is the model measured best, as after an early stop."""
PREVIEW_FILE: Final = "preview.json"
"""What a preview said would become of the rows: `train.py` says whether it came true."""

ROWS_CACHE_VARIABLE: Final = "TUNEWRIGHT_ROWS_CACHE"
"""Names a folder where runs share rows that were tokenised before; without it each keeps its own."""
MEMORY_HISTORY_VARIABLE: Final = "TUNEWRIGHT_MEMORY_HISTORY"
"""Names the file where runs share what memory they took; without it each keeps its own."""


Plugin = Annotated[str, Field(pattern=r"^[A-Za-z][\w.-]*(:\w+=[^,=\s]+(,\w+=[^,=\s]+)*)?$", max_length=500)]
Steps = Annotated[PositiveInt, Field(le=10**9)]

METHOD_OF_BACKEND: Final = {"instructlab-training": "sft", "mini-trainer": "osft", "unsloth": "lora"}


class RunConfig(Section):
    """Everything `train.py` needs. Secrets never go here: tokens travel as environment variables."""

    schema_version: Literal[1] = SCHEMA_VERSION
    base_model: str = Field(
        min_length=1, max_length=4096, description="Hub name or folder of the model to start from."
    )
    dataset: Dataset = FileDataset()
    method: Method = Lora()
    backend: Literal["native", "instructlab-training", "mini-trainer", "unsloth"] = Field(
        "native",
        description="Which library trains. Native: this trainer, everywhere. The others need CUDA and their "
        "package.",
    )
    backend_args: dict[str, str | int | float | bool | None] = Field(
        {}, description="Further settings of instructlab-training or mini-trainer, by their own names."
    )
    method_plugin: Plugin | None = Field(
        None,
        description="Another package's way to do the chosen method: the name of its entry point, if need be "
        "with arguments, like 'pissa:niter=16'.",
    )
    backend_plugin: Plugin | None = Field(
        None, description="A backend of another package: the name of its entry point."
    )
    distributed: Distributed = Distributed()

    num_epochs: PositiveInt = Field(1, le=1000, description="Passes over the training data.")
    max_steps: Steps | None = Field(
        None, description="Stop after this many optimiser steps; empty means all epochs."
    )
    learning_rate: float = Field(
        2e-4,
        gt=0,
        lt=1,
        description="Peak learning rate. 0.0002 suits LoRA, 0.000005 to 0.00002 all weights.",
    )
    per_device_batch_size: PositiveInt = Field(
        2, le=4096, description="Examples in memory at once. Lower it when memory runs out."
    )
    gradient_accumulation_steps: PositiveInt = Field(
        4, le=4096, description="Batches summed before each step; raises the effective batch without memory."
    )
    max_tokens_per_gpu: PositiveInt | Literal["auto"] | None = Field(
        None,
        description="Tokens in memory at once, padding included, instead of a number of rows; the effective "
        "batch stays the same. Auto: the most that fits is looked for after the first step.",
    )
    max_seq_len: PositiveInt = Field(
        2048, le=1_048_576, description="Longest example in tokens. Longer rows are left out and counted."
    )
    lr_scheduler: Literal["cosine", "linear", "constant"] = Field(
        "cosine", description="How the learning rate falls after warm-up."
    )
    warmup_steps: NonNegativeInt = Field(
        0, le=10**9, description="Steps over which the learning rate rises from zero."
    )
    warmup_ratio: float = Field(
        0.0, ge=0, lt=1, description="The same as a share of all steps; used where warm-up steps are 0."
    )
    optimizer: Literal["adamw", "adamw_8bit", "paged_adamw_8bit", "sgd"] = Field(
        "adamw",
        description="AdamW; its 8-bit kinds need a quarter of its memory and bitsandbytes. SGD needs none.",
    )
    weight_decay: float = Field(0.01, ge=0, lt=1, description="Pull of the weights towards zero.")
    max_grad_norm: float = Field(1.0, gt=0, description="Longest gradient; longer ones are shortened to it.")
    seed: NonNegativeInt = Field(
        3407, lt=2**32, description="Same seed, data and machine give the same result."
    )

    over_long: Literal["drop", "truncate"] = Field(
        "drop", description="What happens to longer rows: left out, or cut at the end. Both are counted."
    )
    min_seq_len: PositiveInt = Field(
        2, description="Shortest example in tokens; shorter rows are left out and counted."
    )
    drop_duplicates: bool = Field(
        True, description="Train on a row only once, even if its exact tokens come again."
    )
    max_lost_share: float = Field(
        0.3, ge=0, le=1, description="Stop before training if more than this share of the rows is of no use."
    )
    unmask_messages: bool = Field(
        False, description="Learn every message but the system's, not only the answers. For knowledge data."
    )
    is_pretraining: bool = Field(
        False, description="The rows are plain documents, to be learnt whole; needs a block size."
    )
    block_size: int | None = Field(
        None, ge=2, le=1_048_576, description="Tokens in a block of documents; 2048, or 512 for short ones."
    )
    document_column_name: str = Field(
        "document", min_length=1, description="Which column holds the text of a document."
    )
    packing: bool = Field(
        False, description="Put several short examples in one sequence, each unseen by the others."
    )

    validation: Literal["auto", "share", "file", "off"] = Field(
        "auto",
        description="Rows kept aside to measure on. Auto: 5 %, at least 16, at most 128, none below 32 rows.",
    )
    validation_share: float = Field(
        0.05, gt=0, lt=1, description="How much is kept aside if validation is 'share'."
    )
    validation_file: str | None = Field(
        None,
        min_length=1,
        description="JSONL file for validation 'file'; relative paths start at the run folder.",
    )
    eval_steps: Steps = Field(25, description="Measure on the rows kept aside every so many steps.")
    eval_samples: PositiveInt | None = Field(
        None,
        description="Measure after every so many examples trained on, at the end of the step they end in, in "
        "place of eval_steps; empty means by steps.",
    )
    eval_at_epoch: bool = Field(False, description="Measure at the end of each epoch too.")
    measure_first: bool = Field(
        True,
        description="Measure before the first step too: what the training gained is told against it, or not "
        "at all.",
    )
    samples: NonNegativeInt = Field(
        2,
        le=20,
        description="Questions of the rows kept aside that the model answers at each measurement, to read.",
    )
    sample_tokens: PositiveInt = Field(64, le=2048, description="Longest of those answers, in tokens.")
    load_best: bool = Field(
        True, description="The result is the model with the lowest validation loss, not the last one."
    )
    early_stopping_patience: PositiveInt | None = Field(
        None, description="Stop after so many measurements without a lower loss; empty means never."
    )

    min_improvement: float = Field(
        0.0,
        ge=0,
        lt=100,
        description="A measurement counts as better than the best only if it is lower by more than this.",
    )

    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="Number format while training. Auto: bfloat16 where the GPU has it."
    )
    gradient_checkpointing: bool = Field(
        False, description="Recompute activations to save memory; about a quarter slower."
    )
    on_oom_shorten: bool = Field(
        False,
        description="When memory runs out and smaller batches don't help: cut rows to half their length. "
        "With one process only.",
    )
    probe_memory: bool = Field(
        True, description="After the first step, measure the peak of memory on the longest rows."
    )
    save_steps: Steps = Field(
        25, description="A checkpoint after every so many steps; a run resumes from its last one."
    )
    save_at_epoch: bool = Field(False, description="A checkpoint at the end of each epoch too.")
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

    @model_validator(mode="after")
    def _settings_that_need_each_other(self) -> Self:
        if self.is_pretraining and self.block_size is None:
            raise ValueError("is_pretraining needs a block_size")
        if self.is_pretraining and (self.unmask_messages or self.packing):
            raise ValueError("is_pretraining learns whole blocks: turn unmask_messages and packing off")
        longest = self.block_size if self.is_pretraining else self.max_seq_len
        if isinstance(self.max_tokens_per_gpu, int) and self.max_tokens_per_gpu < (longest or 0):
            name = "block_size" if self.is_pretraining else "max_seq_len"
            raise ValueError(
                f"max_tokens_per_gpu must be at least {name}, {longest}: a row so long would fit nowhere"
            )
        if self.validation == "file" and self.validation_file is None:
            raise ValueError("validation 'file' needs a validation_file")
        if self.warmup_steps and self.warmup_ratio:
            raise ValueError("warmup_steps and warmup_ratio exclude each other: set one of them to 0")
        return self

    @model_validator(mode="after")
    def _method_and_backend(self) -> Self:
        wanted = METHOD_OF_BACKEND.get(self.backend)
        if wanted and self.method.kind != wanted:
            raise ValueError(f"backend '{self.backend}' trains the method '{wanted}' only")
        if self.max_tokens_per_gpu == "auto" and self.backend in {"instructlab-training", "mini-trainer"}:
            raise ValueError(
                f"the backend '{self.backend}' does not look for max_tokens_per_gpu: give a number"
            )
        if self.backend_plugin:
            if self.backend != "native" or self.method_plugin:
                raise ValueError("backend_plugin goes with backend 'native' and without a method_plugin")
            return self
        if self.method_plugin and self.backend != "native":
            raise ValueError("method_plugin goes with the backend 'native' only")
        if self.backend_args and self.backend not in {"instructlab-training", "mini-trainer"}:
            raise ValueError(f"backend_args have no meaning for the backend '{self.backend}'")
        return self

    @property
    def tokens_at_once(self) -> int:
        """Most tokens of a microbatch, as far as the config says."""
        bound = self.max_tokens_per_gpu
        return bound if isinstance(bound, int) else self.max_seq_len * self.per_device_batch_size

    @property
    def length(self) -> dict[str, int | None]:
        """What decides how long it is; all other settings stay when a run is made longer."""
        return {"num_epochs": self.num_epochs, "max_steps": self.max_steps}

    @property
    def effective_batch_size(self) -> int:
        """Examples behind one optimiser step on one device."""
        return self.per_device_batch_size * self.gradient_accumulation_steps
