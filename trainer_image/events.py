"""What a run reports while it works: one JSON object a line in `events.jsonl`, and `result.json` at its end.

The file is the truth; a screen is a view of it. Unknown types and unknown keys are ignored, so an
older app can follow a newer trainer. Imports only the standard library and pydantic.
"""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

EXIT_FINISHED: Final = 0
EXIT_FAILED: Final = 1
EXIT_BAD_CONFIG: Final = 2
EXIT_STOPPED: Final = 3
"""Exit codes of `train.py`. A stop on request is not a success and not a failure."""


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    time: float = Field(0.0, description="Seconds since the epoch, UTC, when it was written.")


class Started(_Event):
    """The trainer is alive. `attempt` counts launches of the same run, from 1."""

    type: Literal["started"] = "started"
    attempt: int = 1
    device: str = "cpu"
    versions: dict[str, str] = {}
    resumed_from_step: int | None = None


class Phase(_Event):
    """What it is busy with now."""

    type: Literal["phase"] = "phase"
    name: Literal["load_data", "download", "load_model", "prepare", "train", "save", "done"]


class Download(_Event):
    """How much of a model has come from the Hub: told at every twentieth of it."""

    type: Literal["download"] = "download"
    name: str
    done: int = Field(description="In bytes.")
    total: int
    eta_seconds: float | None = None


class Rows(_Event):
    """What became of every input row; `total` is the sum of the buckets."""

    type: Literal["rows"] = "rows"
    total: int
    buckets: dict[str, int]
    refused: list["RefusedLine"] = Field([], description="The first hundred rows left out.")
    truncated: int = Field(0, description="Rows among those kept that were cut to the longest length.")
    lengths: "Lengths | None" = Field(
        None, description="How long the rows are in tokens, those too long or too short among them."
    )


class Lengths(BaseModel):
    """So many tokens have the shortest 50, 95 and 99 % of the rows, at most; and the longest row."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    p50: int
    p95: int
    p99: int
    max: int


class RefusedLine(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    line: int
    bucket: str
    reason: str


class Plan(_Event):
    """What training will take, known once model and data are loaded."""

    type: Literal["plan"] = "plan"
    total_steps: int
    num_rows: int
    unit: Literal["rows", "blocks"] = Field(
        "rows", description="What is counted: documents are cut in blocks."
    )
    effective_batch_size: int
    parameters: int
    trainable_parameters: int


class Memory(_Event):
    """Memory at the peak, in bytes: an estimate before training; with `peak`, a measured one."""

    type: Literal["memory"] = "memory"
    device: str = "cpu"
    low: int
    expected: int
    high: int
    terms: dict[str, int] = Field({}, description="What `expected` is made of.")
    corrected_by: float | None = Field(
        None,
        description="What the formulas gave was multiplied by, because runs like this took more or less.",
    )
    runs_known: int = Field(0, description="How many runs like this on this computer it was corrected by.")
    known_model: bool = Field(True, description="False: the family is not known, the count is rough.")
    rows_at_once: int = 0
    longest_row: int = Field(0, description="Tokens of the longest row it is for.")
    available: int | None = Field(None, description="All memory of the GPU; what a computer has to spare.")
    peak: int | None = Field(
        None, description="Measured on the longest rows. GPU: of tensors, without `terms.context`."
    )
    reserved: int | None = Field(None, description="What the GPU's allocator held at the measured peak.")


class Probed(_Event):
    """What a probe without a run has measured besides memory."""

    type: Literal["probed"] = "probed"
    steps: int = Field(description="So many were taken.")
    total_steps: int = Field(description="Of the whole run.")
    seconds_per_step: float = Field(description="Of the steps after the first, which warms up.")
    peak: int = Field(description="Memory in bytes, as in `memory`, which is missing for a model not known.")


class Metrics(_Event):
    """One optimiser step."""

    type: Literal["metrics"] = "metrics"
    step: int
    total_steps: int
    epoch: float
    loss: float
    learning_rate: float
    grad_norm: float | None = None
    tokens_per_second: float | None = Field(None, description="Tokens through the model, trained on or not.")
    samples_seen: int = 0
    tokens_seen: int = 0
    elapsed_seconds: float = 0.0
    eta_seconds: float | None = None
    gpu_memory_gb: float | None = Field(None, description="Most that tensors have held so far, in GiB.")
    gpu_utilisation: float | None = Field(None, description="Of the GPU, in percent, where NVML tells.")
    gpu_temperature: float | None = Field(None, description="Of the GPU, in °C, where NVML tells.")


class Evaluation(_Event):
    """A measurement on the rows kept aside."""

    type: Literal["evaluation"] = "evaluation"
    step: int = Field(description="0: of the base model, before anything was learnt; never the best.")
    loss: float = Field(description="Mean over all trained tokens of those rows.")
    best: bool = Field(description="Whether it is the lowest so far.")


class Overfitting(_Event):
    """The validation loss rose several times in a row while the loss on the training rows fell."""

    type: Literal["overfitting"] = "overfitting"
    step: int
    best_step: int = Field(description="The step that was measured best.")
    best_loss: float


class Sample(_Event):
    """What the model answers to a question of the data after so many steps, by greedy decoding."""

    type: Literal["sample"] = "sample"
    step: int
    prompt: str = Field(description="The question; what led to the answer where it cannot be told apart.")
    answer: str
    reference: str = Field(description="The answer in the data.")


class CheckpointSaved(_Event):
    type: Literal["checkpoint"] = "checkpoint"
    step: int
    path: str = Field(description="Relative to the run folder.")


class Notice(_Event):
    """Something a person should know: a choice made for them, a fallback, a warning."""

    type: Literal["notice"] = "notice"
    level: Literal["info", "warning"] = "info"
    message: str


class Problem(_Event):
    """Why the run fails, for people. Details for developers go to the log."""

    type: Literal["problem"] = "problem"
    message: str
    hint: str = ""


class Ended(_Event):
    type: Literal["ended"] = "ended"
    status: Literal["finished", "stopped", "failed"]


Event = Annotated[
    Started
    | Phase
    | Download
    | Rows
    | Plan
    | Memory
    | Probed
    | Metrics
    | Evaluation
    | Overfitting
    | Sample
    | CheckpointSaved
    | Notice
    | Problem
    | Ended,
    Field(discriminator="type"),
]

_EVENT: Final[TypeAdapter[Event]] = TypeAdapter(Event)


def parse_event(line: str | bytes) -> Event | None:
    """Read one line of `events.jsonl`; None if this version does not know it or it is torn."""
    try:
        return _EVENT.validate_json(line)
    except ValidationError:
        return None


class Result(BaseModel):
    """`result.json`: written once, atomically, as the run's last act.

    `attempt` tells a result of this launch from one left by an earlier, stopped launch.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    status: Literal["finished", "stopped", "failed"]
    attempt: int = 1
    step: int = 0
    total_steps: int = 0
    final_loss: float | None = None
    output: str | None = Field(None, description="Folder of the result, relative to the run folder.")
    output_kind: Literal["adapter", "weights"] | None = None
    base_model: str | None = None
    best_step: int | None = Field(None, description="Step of the result, if it is the one measured best.")
    validation_loss: float | None = Field(None, description="Loss of the result on the rows kept aside.")
    baseline_loss: float | None = Field(None, description="Loss of the base model on the same rows.")
    checkpoint: str | None = Field(None, description="Newest whole checkpoint, relative to the run folder.")
    message: str = ""
    hint: str = ""
