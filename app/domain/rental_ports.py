"""What renting needs from the outside world besides Runpod itself. Implemented in `app.adapters`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from app.domain.errors import TargetError
from app.domain.rentals import Rental
from app.domain.runs import RunId
from trainer_image.config import RunConfig

PodPhase = Literal["waiting", "running", "stopping", "ended", "interrupted"]
"""`stopping`: told to leave, and still there. `interrupted`: its container began anew, and it cannot go on
without the app."""


class RentalStore(Protocol):
    """Keeps rentals for ever: what was spent stays known. Never a token."""

    def add(self, rental: Rental) -> None:
        """Raises StoreError if there is one of that name."""
        ...

    def get(self, name: str) -> Rental:
        """Raises StoreError if there is none."""
        ...

    def find(self, run_id: RunId, attempt: int) -> Rental | None:
        """The newest of an attempt."""
        ...

    def of(self, run_id: RunId) -> Sequence[Rental]:
        """Of every attempt of a run; the newest first."""
        ...

    def all(self) -> Sequence[Rental]:
        """The newest first."""
        ...

    def living(self) -> Sequence[Rental]:
        """Those that are not surely gone."""
        ...

    def update(self, name: str, change: Callable[[Rental], Rental]) -> Rental:
        """Read, change and write in one transaction; returns what is stored afterwards."""
        ...


class PodTokens(Protocol):
    """The token of each pod's agent, on this computer only, readable by its owner only."""

    def make(self, name: str) -> str:
        """A new one, kept before this returns."""
        ...

    def get(self, name: str) -> str | None: ...

    def forget(self, name: str) -> None: ...


class AgentSilentError(TargetError):
    """The pod's agent cannot be reached now: it boots, the network is gone, or the pod is."""


class AgentRefusedError(TargetError):
    """The agent answered, and the answer is no."""

    def __init__(self, message: str, hint: str = "", *, is_final: bool = False) -> None:
        """`is_final`: the same asked again would be refused again."""
        super().__init__(message, hint)
        self.is_final = is_final


@dataclass(frozen=True)
class PodHealth:
    """How it stands in the pod, as its agent says."""

    phase: PodPhase
    attempt: int | None = None
    exit_code: int | None = None
    outcome: str = ""
    """Once ended: finished, stopped, failed, lost."""
    message: str = ""
    can_end_itself: bool | None = None
    """None: not tried yet."""
    why_not: str = ""


@dataclass(frozen=True)
class Brought:
    """What the pod offered, and is now here with the right checksums."""

    paths: tuple[str, ...]
    is_complete: bool
    """Whether that is all there is."""


@dataclass(frozen=True)
class PodStart:
    """What training is started with. The secrets go in the body of one request, nowhere else."""

    attempt: int
    config: RunConfig
    resume: bool = False
    extend: bool = False
    resume_from: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


class PodAgent(Protocol):
    """The agent in one pod. Blocking; raises AgentSilentError or AgentRefusedError. Keeps no state that
    matters: everything may be asked again, by another process too."""

    def health(self) -> PodHealth: ...

    def send(self, source: Path, path: str, on_bytes: Callable[[int], None]) -> None:
        """Upload a file in checksummed parts, going on where an earlier try was cut off.

        `on_bytes` is told how many are there; what it raises ends the upload.
        """
        ...

    def start(self, start: PodStart) -> None:
        """Start training; the same attempt again starts nothing twice."""
        ...

    def mirror(self, folder: Path, *, wait_seconds: float) -> None:
        """Bring log and events in `folder` up to date, byte for byte, waiting for news at most so long."""
        ...

    def stop(self, *, save: bool) -> None:
        """Returns at once; does nothing if nothing runs."""
        ...

    def ask(self, what: str) -> None:
        """Of a training that runs: save, sample, finish."""
        ...

    def bring(self, folder: Path, on_bytes: Callable[[int, int], None]) -> Brought:
        """Everything there is now: whole checkpoints while it trains, all that it left after.

        Each file appears in `folder` whole and right or not at all. `on_bytes` is told how many of how many.
        """
        ...

    def close(self) -> None:
        """Let go of the connection; the next call opens another."""
        ...

    def retrieved(self) -> None:
        """Everything is here: the pod may end itself."""
        ...


Agents = Callable[[str, str], PodAgent]
"""By the address of the pod's agent and its token."""
