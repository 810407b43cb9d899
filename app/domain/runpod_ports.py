"""What Runpod is to us: offers, volumes, templates, pods, and the port to them.

Implemented in `app.adapters.runpod`. Money is US dollars; every time has a time zone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Literal, Protocol

from app.domain.errors import StudioError, TargetError

LogSource = Literal["container", "system"]


class RunpodError(TargetError):
    """Runpod refused, or cannot be reached. What was asked for has not happened."""


class NoCapacityError(RunpodError):
    """There is no such GPU free where it was asked for: the next on the ladder may be."""

    may_pass = True

    def __init__(self, message: str, hint: str = "", *, later: "GpuOffer | None" = None) -> None:
        """`later`: one that would serve, at a price that was not agreed to."""
        super().__init__(message, hint)
        self.later = later


class NoCreditError(RunpodError):
    """The account cannot pay (402): no other GPU helps."""


class KeyRefusedError(RunpodError):
    """The key is unknown (401), or lacks the right (403)."""


class NotValidError(RunpodError):
    """Runpod does not understand what was asked (422, 413): a bug, or their interface has changed."""


class NotFoundAtRunpodError(RunpodError):
    """Runpod itself says that there is no such thing (a 404 with its own words, not some proxy's)."""


class BusyError(RunpodError):
    """Runpod cannot answer now (429, 5xx, no network). What was only read may be asked again."""

    may_pass = True


class PodMayExistError(StudioError):
    """A pod was asked for and the answer was lost; it was looked for by its name and not found so far.

    Never ask again without looking: `name` is how to find it.
    """

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Runpod did not say whether it started the pod {name}.",
            "Tunewright goes on looking for it; the Runpod console shows it too.",
        )
        self.name = name


class Stock(IntEnum):
    """How many of them are free. Ordered: more is greater."""

    NONE = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3


class PodStatus(StrEnum):
    """In their words. RUNNING says nothing of the container in it: ask the agent."""

    PROVISIONING = "PROVISIONING"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    EXITED = "EXITED"
    ERROR = "ERROR"
    TERMINATED = "TERMINATED"
    UNKNOWN = "UNKNOWN"
    """They have a new word: taken for one that costs."""

    @property
    def is_billed(self) -> bool:
        """Whether the GPU costs; an EXITED pod still pays for its own disks."""
        return self not in (PodStatus.EXITED, PodStatus.ERROR, PodStatus.TERMINATED)


@dataclass(frozen=True)
class GpuOffer:
    """One type of GPU on Secure Cloud, now."""

    id: str
    """What a pod is asked for with: "NVIDIA GeForce RTX 4090"."""
    name: str
    memory_gb: int
    price_per_hour: float
    """Of one; the pod says itself what it costs in the end."""
    stock: Stock
    most_per_pod: int
    regions: Mapping[str, Stock] = field(default_factory=dict)
    """Data centre → stock there."""
    cuda_versions: Sequence[str] = ()
    """Those of machines that are free, oldest first."""


@dataclass(frozen=True)
class Region:
    """One data centre."""

    id: str
    """"EU-RO-1"."""
    name: str
    has_volumes: bool


@dataclass(frozen=True)
class NetworkVolume:
    """Storage that outlives pods. Billed by the month, used or not; seen in its region only."""

    id: str
    name: str
    size_gb: int
    region: str
    kind: str = "STANDARD"


@dataclass(frozen=True)
class PodTemplate:
    """A preset in the person's account. Costs nothing."""

    id: str
    name: str
    image: str
    disk_gb: int
    ports: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PodOrder:
    """What to rent. The environment is readable to whoever has the account's key: no secrets in it."""

    name: str
    image: str
    gpu_id: str
    gpu_count: int = 1
    region: str = ""
    """Data centre; must be the volume's. Empty: wherever there is one."""
    volume_id: str = ""
    mount_path: str = "/workspace"
    disk_gb: int = 20
    """Of the container: the image must fit."""
    ports: Sequence[str] = ()
    """"8080/http": reached by `RunpodCloud.address`."""
    environment: Mapping[str, str] = field(default_factory=dict)
    command: Sequence[str] = ()
    """Instead of the image's own."""
    least_cuda: str = ""
    """"12.8": the machine's driver is at least as new."""
    ends_at: datetime | None = None
    """Runpod itself ends it then (`terminateAfter`); None: nobody does."""


@dataclass(frozen=True)
class Pod:
    """One pod as Runpod describes it now."""

    id: str
    name: str
    status: PodStatus
    cost_per_hour: float
    """What it costs now; 0 when EXITED."""
    image: str = ""
    gpu_id: str = ""
    gpu_count: int = 0
    region: str = ""
    volume_id: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    created_at: datetime | None = None
    started_at: datetime | None = None
    uptime_seconds: int = 0


@dataclass(frozen=True)
class LogLine:
    """One line of a pod's log."""

    cursor: str
    """Give it back to go on behind this line."""
    at: str
    source: str
    """"container", or "system" for what Runpod does with it."""
    text: str


class LogStream(Protocol):
    """Lines of a pod as they come.

    Ends when the connection is lost, or was silent for a minute and a half: go on with the last cursor.
    Raises NotFoundAtRunpodError once the pod is gone, RunpodError where the log is refused.
    """

    def __iter__(self) -> Iterator[LogLine]: ...

    def __next__(self) -> LogLine: ...

    def close(self) -> None:
        """Ends it, from another thread too."""
        ...


@dataclass(frozen=True)
class Balance:
    """What the account has left and what it spends now."""

    credit: float
    spend_per_hour: float
    spend_limit: float | None = None


@dataclass(frozen=True)
class Bill:
    """What one pod cost within a stretch of time. Runpod writes it with delay."""

    pod_id: str
    amount: float
    begins: datetime
    ends: datetime


class RunpodCloud(Protocol):
    """One account at Runpod. Blocking; everything raises RunpodError, most in seconds, none in more than 90.

    What is read or ended is asked for again when Runpod is busy; what makes something never is, except
    where Runpod said for certain that it did nothing. Keeps no state.
    """

    def offers(self, *, count: int = 1, least_cuda: str = "") -> Sequence[GpuOffer]:
        """NVIDIA GPUs of Secure Cloud, those out of stock too; `count` in one pod."""
        ...

    def regions(self) -> Sequence[Region]: ...

    def volumes(self) -> Sequence[NetworkVolume]: ...

    def create_volume(self, name: str, *, size_gb: int, region: str) -> NetworkVolume:
        """Billed from here on. A lost answer is looked up by name before it fails."""
        ...

    def grow_volume(self, volume_id: str, *, size_gb: int) -> NetworkVolume: ...

    def delete_volume(self, volume_id: str) -> None:
        """With all files on it. Does nothing if it is gone."""
        ...

    def templates(self) -> Sequence[PodTemplate]: ...

    def create_template(
        self,
        name: str,
        *,
        image: str,
        disk_gb: int,
        ports: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> PodTemplate: ...

    def delete_template(self, template_id: str) -> None:
        """Does nothing if it is gone."""
        ...

    def pods(self) -> Sequence[Pod]:
        """All of the account, also those that are not ours; not those that are listed as TERMINATED only."""
        ...

    def pod(self, pod_id: str) -> Pod | None:
        """None if Runpod says that there is none, or calls it TERMINATED. That happens for a moment to living
        pods too: ask twice, ten seconds apart, before you believe it."""
        ...

    def create_pod(self, order: PodOrder) -> Pod:
        """Rent one: billed from here on.

        With `ends_at` by the one route that knows it. Raises NoCapacityError, NoCreditError, KeyRefusedError,
        NotValidError or BusyError if there is no pod, and PodMayExistError if that is not known: then it was
        looked for by its name three times, in half a minute.
        """
        ...

    def stop_pod(self, pod_id: str) -> None:
        """Ends the GPU's price, not the disks'. Does nothing if it has stopped."""
        ...

    def terminate_pod(self, pod_id: str) -> None:
        """Asks for its end; whether it came, `pod` tells. Does nothing if it is gone."""
        ...

    def log(
        self, pod_id: str, *, after: str = "", tail: int = 1000, source: LogSource | None = None
    ) -> LogStream:
        """Lines as they come, behind the cursor `after`, else the last `tail`. Connects at the first one."""
        ...

    def balance(self) -> Balance: ...

    def bills(self, *, since: datetime, pod_id: str = "") -> Sequence[Bill]:
        """What pods cost, hour by hour, also those that are gone."""
        ...

    def address(self, pod_id: str, port: int) -> str:
        """Where an http port of a pod is reached from the internet: `https://…`, without a slash at the end.

        Answers 502 until something listens, and cuts what takes longer than 100 s with 524.
        """
        ...
