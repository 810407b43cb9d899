"""What a person wants to know of Docker here: the image, the GPU, what earlier runs have left."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, Protocol

from app.domain.errors import StudioError, TargetError
from app.domain.runs import Run, RunId
from app.domain.stopping import Stop

GIB: Final = 1024**3
BUILD_SPACE: Final[dict[str, int]] = {"cuda": 30 * GIB, "cpu": 10 * GIB}
"""What a build takes at its height on the engine's disk, roughly: packages, their archives, layers."""
PULL_SPACE: Final = 20 * GIB


class CareCancelledError(StudioError):
    def __init__(self) -> None:
        super().__init__("It was cancelled.", "What had arrived or was built so far is used next time.")


class BuildFailedError(TargetError):
    """A build that came to an end of its own. `log` is all that it printed."""

    def __init__(self, message: str, hint: str, log: str) -> None:
        super().__init__(message, hint)
        self.log = log


class NoToolkitError(TargetError):
    """The engine knows no way to hand a GPU to a container."""

    def __init__(self) -> None:
        super().__init__(
            "Docker cannot hand the GPU to a container.",
            "Install the NVIDIA Container Toolkit, run: sudo nvidia-ctk runtime configure --runtime=docker, "
            "and restart Docker. Or switch the GPU off for this run.",
        )


@dataclass(frozen=True)
class CareProgress:
    """How far a build or a pull is."""

    text: str
    done: int = 0
    total: int = 0
    """Bytes; 0 while nobody knows."""

    @property
    def share(self) -> float | None:
        return min(self.done / self.total, 1.0) if self.total else None


Told = Callable[[CareProgress], None]
"""Told what is going on; may raise to stop, and then nothing goes on in the background."""


@dataclass(frozen=True)
class ImageFacts:
    name: str
    size_bytes: int
    created: datetime | None
    variant: str = ""
    """ "cuda" or "cpu"; empty for an image that is not ours."""
    version: str = ""
    """Of the Tunewright that built it; empty if it does not say."""


EngineKind = Literal["system", "rootless", "snap", "desktop", "elsewhere"]
"""The system's own, a user's own, the snap's, Docker Desktop's, or one of another computer or machine."""


@dataclass(frozen=True)
class EngineFacts:
    version: str
    root: str
    """Where the engine keeps images, as the engine sees it."""
    free_bytes: int | None
    """On the disk that holds it; None where this computer cannot see it (Docker Desktop, another one)."""
    can_use_gpu: bool
    """Whether it knows NVIDIA's runtime. Newer set-ups hand GPUs over without: only a test tells."""
    kind: EngineKind = "system"


@dataclass(frozen=True)
class Container:
    """One that was made for a run."""

    id: str
    name: str
    run_id: RunId
    state: str
    """In Docker's words: created, running, exited…"""
    created: datetime | None

    @property
    def has_ended(self) -> bool:
        return self.state in ("exited", "dead", "created")


@dataclass(frozen=True)
class Leftover:
    """A container that nobody needs any more, and why."""

    container: Container
    text: str


class DockerCare(Protocol):
    """The engine, asked by a person. Every method raises TargetError where Docker refuses."""

    def engine(self) -> EngineFacts: ...

    def image(self, name: str) -> ImageFacts | None:
        """None if it is not on this computer."""
        ...

    def build(self, name: str, variant: Literal["cuda", "cpu"], told: Told, stop: Stop) -> None:
        """Raises BuildFailedError, and CareCancelledError when `stop` is wanted."""
        ...

    def pull(self, name: str, told: Told, stop: Stop) -> None:
        """Raises CareCancelledError when `stop` is wanted."""
        ...

    def test_gpu(self, image: str) -> str:
        """What a container sees of the GPUs, a line each. Raises TargetError if it sees none."""
        ...

    def examine(self, image: str) -> str:
        """What `train.py --doctor` prints in a container of it, with the GPU where the engine can hand that
        over. Raises TargetError if it is no image of the trainer."""
        ...

    def containers(self) -> Sequence[Container]:
        """Those made for runs, in any state."""
        ...

    def remove(self, container_id: str) -> None:
        """Of one that has ended; does nothing if it is gone."""
        ...


def leftover(container: Container, run: Run | None) -> Leftover | None:
    """What to say of a container that can go; None for one that is at work or still needed."""
    if not container.has_ended:
        return None
    if run is None:
        return Leftover(container, "Left by a run that was deleted, or by another copy of Tunewright.")
    if not run.status.is_final:
        return None
    if container.state == "created":
        return Leftover(container, f"Made for {run.name} and never started.")
    return Leftover(
        container, f"Left by {run.name}, which is {run.status.value}. Its files and log are kept."
    )


_REPO: Final = "https://nvidia.github.io/libnvidia-container/stable"
_KEY: Final = "/usr/share/keyrings/nvidia-container-toolkit-keyring.gpg"
_APT: Final = (
    f"curl -fsSL https://nvidia.github.io/libnvidia-container/gpgkey | sudo gpg --dearmor -o {_KEY}",
    f"curl -fsSL {_REPO}/deb/nvidia-container-toolkit.list"
    f" | sed 's#deb https://#deb [signed-by={_KEY}] https://#g'"
    " | sudo tee /etc/apt/sources.list.d/nvidia-container-toolkit.list",
    "sudo apt-get update",
    "sudo apt-get install -y nvidia-container-toolkit",
)
_DNF: Final = (
    f"curl -fsSL {_REPO}/rpm/nvidia-container-toolkit.repo"
    " | sudo tee /etc/yum.repos.d/nvidia-container-toolkit.repo",
    "sudo dnf install -y nvidia-container-toolkit",
)
_ZYPPER: Final = (
    f"sudo zypper addrepo {_REPO}/rpm/nvidia-container-toolkit.repo",
    "sudo zypper --gpg-auto-import-keys install -y nvidia-container-toolkit",
)
_PACMAN: Final = ("sudo pacman -S --needed nvidia-container-toolkit",)
_CONFIGURE: Final = ("sudo nvidia-ctk runtime configure --runtime=docker",)
_CONFIGURE_ROOTLESS: Final = (
    "nvidia-ctk runtime configure --runtime=docker --config=$HOME/.config/docker/daemon.json",
    "sudo nvidia-ctk config --set nvidia-container-cli.no-cgroups --in-place",
    "systemctl --user restart docker",
)
_WITHOUT_LINES: Final[Mapping[EngineKind, str]] = {
    "desktop": "Docker Desktop hands an NVIDIA GPU over on Windows only, with WSL 2: update NVIDIA's driver "
    "for Windows, run wsl --update there, and restart Docker Desktop.",
    "elsewhere": "This Docker runs on another computer or in a virtual machine: NVIDIA's Container Toolkit "
    "is to be installed there.",
}
_FAMILIES: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("debian", "ubuntu"), _APT),
    **dict.fromkeys(("fedora", "rhel", "centos", "amzn"), _DNF),
    **dict.fromkeys(("suse", "opensuse", "sles"), _ZYPPER),
    "arch": _PACMAN,
}


@dataclass(frozen=True)
class Fix:
    """How a missing toolkit comes to an engine."""

    text: str
    """Empty if nothing better is known than the error's own hint."""
    commands: Sequence[str] = ()
    """To be typed, a line each."""


def toolkit_fix(kind: EngineKind, os_release: str, *, has_systemd: bool = True) -> Fix:
    """For an engine of that kind, and the system that /etc/os-release describes."""
    if kind in _WITHOUT_LINES:
        return Fix(_WITHOUT_LINES[kind])
    if kind == "snap":
        text = "Docker of the snap looks for the GPU when it starts: run this line, then test again."
        return Fix(text, ("sudo snap restart docker",))
    commands = toolkit_commands(os_release, is_rootless=kind == "rootless", has_systemd=has_systemd)
    return Fix("Run these lines, then test again.", commands) if commands else Fix("")


def toolkit_commands(
    os_release: str, *, is_rootless: bool = False, has_systemd: bool = True
) -> Sequence[str]:
    """What installs NVIDIA's Container Toolkit on the system that /etc/os-release describes, a line each.

    Empty for a system it is not known for. Source: NVIDIA's installation guide of the toolkit.
    """
    said = dict(line.split("=", 1) for line in os_release.splitlines() if "=" in line)
    kinds = f"{said.get('ID', '')} {said.get('ID_LIKE', '')}".replace('"', "").replace("'", "").split()
    restart = "sudo systemctl restart docker" if has_systemd else "sudo service docker restart"
    configure = _CONFIGURE_ROOTLESS if is_rootless else (*_CONFIGURE, restart)
    for kind in kinds:
        family = kind if kind in _FAMILIES else kind.partition("-")[0]
        if family in _FAMILIES:
            return (*_FAMILIES[family], *configure)
    return ()
