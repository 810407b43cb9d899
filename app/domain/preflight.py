"""What is known of a run before it starts: what it will take, and what speaks against starting it."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Literal

from app.domain.renting import CostPlan
from app.domain.runpod_ports import GpuOffer
from app.domain.sizes import sized
from trainer_image.look_protocol import Ability, Directions

Level = Literal["error", "warning"]


@dataclass(frozen=True)
class Remark:
    """One thing that speaks against starting: an error blocks, a warning is to be read."""

    about: str
    """One word for it: Memory, Disk, Model, Data, Token, Target, Logging, Settings."""
    level: Level
    message: str
    hint: str = ""
    may_pass: bool = False
    """Of an error: whether it may be gone later although nobody changes the run."""


WhyLongest = Literal["there", "possible", "allowed"]
"""There is such a row and none longer; none of these rows can be longer; none may be longer."""


@dataclass(frozen=True)
class MemoryNeed:
    """Bytes at the peak, and what there is."""

    device: Literal["cpu", "cuda"]
    device_name: str
    low: int
    expected: int
    high: int
    is_rough: bool = False
    """The model's family is not known: it is counted like another."""
    runs_known: int = 0
    """Earlier runs like it whose measured memory corrected this."""
    longest_row: int = 0
    """Tokens of the longest row it is for; 0 if nobody knows."""
    why_longest: WhyLongest = "allowed"
    free: int | None = None
    total: int | None = None

    @property
    def plus_minus(self) -> int:
        return max(self.high - self.expected, self.expected - self.low)

    @property
    def basis(self) -> str:
        """Where the numbers are from, in half a sentence."""
        if self.runs_known:
            return f"± {sized(self.plus_minus)}, from {_runs(self.runs_known)} like it on this device"
        return "rough: a family that is not known" if self.is_rough else "from the model's shapes"

    @property
    def rows(self) -> str:
        """What rows it is for, as a sentence; empty if nobody knows."""
        if not self.longest_row:
            return ""
        if self.why_longest == "there":
            return f"The longest row has {self.longest_row:,} tokens."
        why = "the most allowed" if self.why_longest == "allowed" else "more than any of these can have"
        return f"As if a row had {self.longest_row:,} tokens, {why}. Preview data finds the longest."


@dataclass(frozen=True)
class DiskNeed:
    """Bytes that checkpoints and result take, and where."""

    folder: Path
    """That there is already, on the disk it will be."""
    checkpoint: int
    most: int
    free: int


@dataclass(frozen=True)
class Download:
    """Bytes of a model, and how many of them are on this computer already."""

    total: int
    here: int = 0
    free: int | None = None
    """On the disk it goes to."""

    @property
    def left(self) -> int:
        return max(self.total - self.here, 0)


@dataclass(frozen=True)
class Extent:
    """How long a run is. None is what nobody knows yet."""

    rows: int | None = None
    """To train on."""
    steps: int | None = None
    is_exact: bool = False
    """The rows were all looked at."""
    seconds: float | None = None
    """Rough, as earlier runs or probes went."""
    is_by_size: bool = False
    """Very rough: none went, and `seconds` is what so many weights and tokens come to."""
    tokens: float | None = None
    """Read in all, in all epochs; by the characters of some rows unless all were looked at."""


@dataclass(frozen=True)
class ActiveLogger:
    """A program that gets the run's numbers."""

    label: str
    origin: str
    is_installed: bool | None
    """None where that is not known: inside an image."""


@dataclass(frozen=True)
class Readiness:
    """Everything the checks found out; a field of None was not found out."""

    remarks: tuple[Remark, ...] = ()
    memory: MemoryNeed | None = None
    disk: DiskNeed | None = None
    download: Download | None = None
    extent: Extent | None = None
    loggers: tuple[ActiveLogger, ...] | None = None
    abilities: tuple[Ability, ...] | None = None
    directions: tuple[Directions, ...] | None = None
    plan: CostPlan | None = None
    """Of a run on a rented GPU."""
    dearer: GpuOffer | None = None
    """One that would serve where none does at the price that was agreed to."""
    unknown: tuple[str, ...] = ()
    """What could not be found out and why, a sentence each."""
    parameters: int | None = None
    """Of the model."""

    @property
    def errors(self) -> tuple[Remark, ...]:
        return tuple(remark for remark in self.remarks if remark.level == "error")

    @property
    def warnings(self) -> tuple[Remark, ...]:
        return tuple(remark for remark in self.remarks if remark.level == "warning")

    @property
    def can_start(self) -> bool:
        return not self.errors

    def with_(self, other: "Readiness") -> "Readiness":
        """Both together; what only one knows is known."""
        told = {
            field.name: value
            for field in fields(other)
            if (value := getattr(other, field.name)) is not None and field.name not in {"remarks", "unknown"}
        }
        return replace(
            self, remarks=self.remarks + other.remarks, unknown=self.unknown + other.unknown, **told
        )


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"
