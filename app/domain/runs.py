"""Runs: what was asked for, where it executes, and what is true of it now."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final, Literal, NewType

from app.domain.renting import NO_POD, PodOptions
from app.domain.sessions import SessionId
from app.domain.targets import TRAINER_IMAGE
from app.domain.targets import Target as Target  # noqa: PLC0414 - part of what a run is
from trainer_image.config import CHECKPOINTS_DIR, CONFIG_FILE, EVENTS_FILE, RESULT_FILE, RunConfig

RunId = NewType("RunId", str)
JobHandle = NewType("JobHandle", str)
"""How a launcher finds its job again: opaque to everyone else."""

Length = tuple[Literal["num_epochs", "max_steps"], int]
"""A setting that decides how long a run is, and its new value: counted from the run's beginning."""

LOG_FILE: Final = "log.txt"
LOG_COPY_FILE: Final = "log-copy.txt"
"""What the target itself kept of the log, while the trainer cannot be asked for it."""

STOPPED_IN_VAIN: Final = "This run was stopped while it was being launched, but goes on: "
STOP_AGAIN: Final = "Stop it again."


class RunStatus(StrEnum):
    QUEUED = "queued"
    """Its folder and its data are ready; it waits for its turn."""
    STARTING = "starting"
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        return self in (RunStatus.FINISHED, RunStatus.STOPPED, RunStatus.FAILED)


@dataclass(frozen=True)
class DockerOptions:
    """What a Docker run needs beyond the run's config."""

    image: str = TRAINER_IMAGE
    data_dir: Path | None = None
    """Host folder mounted at /data; None means the app's own data folder."""
    use_gpu: bool = True
    pass_hf_token: bool = False
    container_name: str = ""
    """Empty: derived from the run's id, so that the run can always be found again."""


@dataclass(frozen=True)
class RunRequest:
    """What a person asked for. `session_id` or `data_file` say where the rows come from; if both are
    empty the config names a Hub dataset."""

    config: RunConfig
    target: Target
    session_id: SessionId | None = None
    data_file: Path | None = None
    output_name: str = ""
    """Name of the run's folder under `<data dir>/outputs/`; empty: made from data, method and id."""
    docker: DockerOptions = DockerOptions()
    pod: PodOptions = NO_POD
    expected: Mapping[str, int] | None = None
    """The ledger a preview showed, bucket → rows: the trainer says whether it came true."""
    cloned_from: RunId | None = None
    """The run whose settings the form was filled with."""
    goes_on: RunId | None = None
    """The run that exists already and is to go on, or to begin after all."""
    checkpoint: str = ""
    """The one it is to go on from; empty: its newest whole one, if it has any."""


@dataclass(frozen=True)
class Run:
    """One run as the store keeps it."""

    id: RunId
    name: str
    target: Target
    config: RunConfig
    docker: DockerOptions
    folder: Path
    """The run folder on this computer: config, events, log, checkpoints, output, result."""
    data_label: str
    """What it trains on, for people."""
    session_id: SessionId | None
    status: RunStatus
    created_at: datetime
    attempt: int = 1
    """Launches of this run so far; a resume is a new attempt."""
    stop_requested: bool = False
    """Somebody asked this attempt to stop: however it then ends, it was stopped."""
    owner: str | None = None
    """Process that is launching it right now ("pid:start time"), so that a launch cut short is recognised."""
    handle: JobHandle | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    phase: str = ""
    step: int = 0
    total_steps: int = 0
    loss: float | None = None
    eta_seconds: float | None = None
    message: str = ""
    """Why it ended as it did, in one sentence."""
    hint: str = ""
    output: str | None = None
    """Folder of the result relative to `folder`."""
    output_kind: str | None = None
    """"adapter" or "weights"."""
    checkpoint: str | None = None
    """Newest whole checkpoint relative to `folder`."""
    events_offset: int = 0
    """Bytes of events.jsonl already in the store."""
    session_version: int | None = None
    """Which version of the session it trains on; with `content_hash`, exactly which rows."""
    content_hash: str = ""
    """SHA-256 of the rows it was given, hex: the checksum of its data file."""
    queue_position: int | None = None
    """Its place in the queue, small first; kept until it truly runs, so that no crash loses it."""
    gpu: int | None = None
    """The one GPU of this computer it is to use; None: as the trainer finds them."""
    cloned_from: RunId | None = None
    """The run whose settings it was begun with."""
    note: str = ""
    """What a person wrote about it."""
    origin: str = ""
    """The trainer that made it, if it was imported: its settings are not known then, and its folder is not
    ours."""
    pod: PodOptions = NO_POD

    @property
    def is_imported(self) -> bool:
        return bool(self.origin)

    @property
    def can_resume(self) -> bool:
        return self.status in (RunStatus.STOPPED, RunStatus.FAILED) and self.checkpoint is not None

    @property
    def can_extend(self) -> bool:
        """Whether it can be resumed for another length: a finished run can, too."""
        return self.status.is_final and self.checkpoint is not None

    @property
    def can_be_exported(self) -> bool:
        """Whether it has ended with something to take along."""
        return self.status.is_final and bool(self.output or self.checkpoint)

    @property
    def was_stopped_in_vain(self) -> bool:
        """Its message says so: that stays until it has ended; whatever else there is to say is its hint."""
        return self.message.startswith(STOPPED_IN_VAIN)

    @property
    def is_stopping(self) -> bool:
        """Asked to stop, and still going."""
        return self.stop_requested and not self.status.is_final

    @property
    def output_dir(self) -> Path | None:
        return self.folder / self.output if self.output else None

    @property
    def config_path(self) -> Path:
        return self.folder / CONFIG_FILE

    @property
    def events_path(self) -> Path:
        return self.folder / EVENTS_FILE

    @property
    def log_path(self) -> Path:
        return self.folder / LOG_FILE

    @property
    def result_path(self) -> Path:
        return self.folder / RESULT_FILE

    @property
    def checkpoints_dir(self) -> Path:
        return self.folder / CHECKPOINTS_DIR

    def begun_again(self, owner: str, *, attempt: int) -> "Run":
        """Starting, by that process; of the attempt before only the time of its end is known on."""
        return replace(
            self,
            status=RunStatus.STARTING,
            attempt=attempt,
            owner=owner,
            handle=None,
            stop_requested=False,
            message="",
            hint="",
        )

    def stopping(self, owner: str) -> "Run":
        """Asked to stop; that process is passing it on, unless that was done before."""
        was_passed_on = self.stop_requested and self.owner is None
        if self.status.is_final or was_passed_on:
            return self
        return replace(self, stop_requested=True, owner=owner)

    def stop_told(self, is_passed_on: bool, *, by: str, attempt: int) -> "Run":
        """What became of the wish to stop that attempt, when it is no longer being passed on. One that was
        passed on stays, and one that another process is passing on is that one's."""
        if self.status.is_final or self.attempt != attempt:
            return self
        if not is_passed_on and self.owner != by:
            return self
        return replace(self, stop_requested=is_passed_on, owner=None)

    def launched(self, handle: JobHandle, now: datetime) -> "Run":
        """A run that somebody stopped, or that ended, while it was being launched stays so."""
        if self.status.is_final:
            return replace(self, handle=handle)
        return replace(
            self,
            handle=handle,
            owner=self.owner if self.stop_requested else None,  # it is passing the wish on
            status=RunStatus.RUNNING,
            started_at=self._began(now),
            ended_at=None,
            queue_position=None,
        )

    def _began(self, now: datetime) -> datetime:
        """So long ago that the time since is what it was at work: not from its end until it went on."""
        if self.started_at is None:
            return now
        return self.started_at if self.ended_at is None else self.started_at + (now - self.ended_at)

    def ended(self, status: RunStatus, message: str = "", hint: str = "", *, now: datetime) -> "Run":
        return replace(
            self,
            status=status,
            message=message,
            hint=hint,
            started_at=self.started_at and self._began(now),
            ended_at=now,
            owner=None,
            eta_seconds=None,
            phase="",
            queue_position=None,
        )


@dataclass(frozen=True)
class Metric:
    """One optimiser step of a run."""

    step: int
    total_steps: int
    epoch: float
    loss: float
    learning_rate: float
    grad_norm: float | None
    tokens_per_second: float | None
    elapsed_seconds: float
    eta_seconds: float | None
    time: datetime
    gpu_memory_gb: float | None = None
    """Most that the trainer's tensors have held, in GiB."""
    gpu_utilisation: float | None = None
    """In percent."""
    gpu_temperature: float | None = None
    """In °C."""


@dataclass(frozen=True)
class Measurement:
    """The loss on the rows kept aside after so many steps."""

    step: int
    loss: float
    best: bool


@dataclass(frozen=True)
class SampleAnswer:
    """What the model answered after so many steps, beside the answer of the data."""

    step: int
    prompt: str
    answer: str
    reference: str


@dataclass(frozen=True)
class RunEvent:
    """One line of a run's timeline that is not a metric."""

    time: datetime
    type: str
    """Type in `trainer_image.events`: phase, rows, plan, checkpoint, notice, sample, problem, ended…"""
    text: str
    """The event as one sentence."""
    level: str = "info"
    """"info", "warning" or "error"."""
    step: int | None = None
    detail: str = ""
    """For phases, checkpoints, measurements and samples the event itself, as JSON."""


class JobPhase(StrEnum):
    """What a launcher sees of a job."""

    RUNNING = "running"
    EXITED = "exited"
    GONE = "gone"
    """Not to be found: the machine restarted, or somebody removed it."""


@dataclass(frozen=True)
class JobState:
    phase: JobPhase
    exit_code: int | None = None
    """Set when exited; negative for a signal."""
    out_of_memory: bool = False
    """The system ended it because memory ran out."""
    message: str = ""
    """What the target itself says of its end, as a sentence; empty: what the rest of this means."""
    hint: str = ""


def describe_exit(state: JobState) -> tuple[str, str]:
    """Why a job that left no result ended: (message, hint)."""
    resume = "Resume continues from its last checkpoint, if it has one."
    if state.message:
        return state.message, state.hint or resume
    if state.phase is JobPhase.GONE:
        return "The run ended without a trace: the computer may have restarted.", resume
    if state.out_of_memory:
        return (
            "The run was ended because memory ran out.",
            "Lower the per-device batch size or the longest example, then resume or start again.",
        )
    if state.exit_code in (137, -9):
        return "The run was killed from outside, or memory ran out.", resume
    if state.exit_code in (143, -15):
        return "The run was asked to end by the system before it could save.", resume
    if state.exit_code in (-11, 139):
        return "The trainer crashed inside a native library.", "The log has the details. " + resume
    if state.exit_code in (126, 127):
        return (
            "The trainer could not be started.",
            "Check the image or the Python installation, then try again.",
        )
    return (
        f"The trainer ended with code {state.exit_code} and left no result.",
        "The log has the details. " + resume,
    )
