"""Docker for humans: the image, the GPU, and what earlier runs left behind."""

import json
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from app.domain.docker_care import (
    BUILD_SPACE,
    GIB,
    PULL_SPACE,
    Container,
    DockerCare,
    EngineFacts,
    ImageFacts,
    Leftover,
    NoToolkitError,
    Told,
    leftover,
    toolkit_fix,
)
from app.domain.errors import StudioError, TargetError, UnknownRunError
from app.domain.ports import RunStore
from app.domain.runs import Run, RunId
from app.domain.sizes import sized
from app.domain.stopping import Stop
from app.services.image_work import ImageWork
from app.services.offline import OfflineService
from trainer_image.look_protocol import Ability, abilities_in

_GPU_HINT: Final = "Or switch “Use GPU” off to train on the processor."


@dataclass(frozen=True)
class GpuVerdict:
    """What came out of the test."""

    works: bool
    text: str
    commands: Sequence[str] = ()
    """What to type to make it work, a line each."""


class DockerCareService:
    """Blocking. Everything raises StudioError with what to do."""

    def __init__(
        self,
        care: DockerCare,
        runs: RunStore,
        offline: OfflineService,
        gpus: Callable[[], Sequence[str]],
        os_release: Path = Path("/etc/os-release"),
        systemd: Path = Path("/run/systemd/system"),
    ) -> None:
        self._care = care
        self._runs = runs
        self._offline = offline
        self._gpus = gpus
        self._os_release = os_release
        self._systemd = systemd
        self.work = ImageWork()
        """What a window is getting; a terminal waits itself."""

    def engine(self) -> EngineFacts:
        return self._care.engine()

    def image(self, name: str) -> ImageFacts | None:
        """None if it is not on this computer."""
        return self._care.image(name)

    def build(self, name: str, told: Told, stop: Stop | None = None) -> ImageFacts:
        """Build the trainer image of this version under `name`; one called …:cpu without GPU support."""
        self._offline.refuse("Building the image")
        variant = variant_of(name)
        self._require_space(BUILD_SPACE[variant], "Building the image")
        self._care.build(name, variant, told, stop or Stop())
        return self._arrived(name)

    def pull(self, name: str, told: Told, stop: Stop | None = None) -> ImageFacts:
        self._offline.refuse("Pulling an image")
        if not can_be_pulled(name):
            raise TargetError(
                f"{name} names no registry, so it cannot be pulled.",
                "Build it here, or name an image of a registry, like registry.example/owner/image:tag.",
            )
        self._require_space(PULL_SPACE, "Pulling an image of this kind")
        self._care.pull(name, told, stop or Stop())
        return self._arrived(name)

    def test_gpu(self, image: str) -> GpuVerdict:
        """Start a container that looks for the GPU, and say what to do if it finds none."""
        gpus = self._gpus()
        if not gpus:
            return GpuVerdict(
                False, "This computer has no NVIDIA GPU that its driver knows: runs use the processor."
            )
        if self._care.image(image) is None:
            raise TargetError(f"The image {image} is not on this computer.", "Build or pull it, then test.")
        try:
            return GpuVerdict(True, f"A container sees: {self._care.test_gpu(image)}")
        except NoToolkitError as error:
            has_systemd = self._systemd.is_dir()
            fix = toolkit_fix(self._care.engine().kind, self._system(), has_systemd=has_systemd)
            said = f"{error.message} {fix.text or error.hint} {_GPU_HINT}"
            return GpuVerdict(False, said, fix.commands)
        except TargetError as error:  # the toolkit is there: installing it again would mend nothing
            return GpuVerdict(False, f"{error.message} {error.hint} {_GPU_HINT}")

    def abilities(self, image: str) -> tuple[Ability, ...]:
        """What a container of the image can train on this computer, and why not the rest; takes seconds."""
        if self._care.image(image) is None:
            raise TargetError(f"The image {image} is not on this computer.", "Build or pull it, then ask.")
        try:
            return abilities_in(json.loads(self._care.examine(image)))
        except (ValueError, KeyError, TypeError) as error:  # of another version, which says it otherwise
            raise TargetError(
                f"What the image {image} says of itself is not understood.", "Build or pull it again."
            ) from error

    def leftovers(self) -> Sequence[Leftover]:
        """Containers that nobody needs any more, each with the reason. Those at work are not among them."""
        found = (leftover(container, self._run_of(container)) for container in self._care.containers())
        return [each for each in found if each]

    def clean(self, container_ids: Sequence[str]) -> int:
        """Remove those of them that are still leftovers; how many went."""
        gone = [each for each in self.leftovers() if each.container.id in container_ids]
        for each in gone:
            self._care.remove(each.container.id)
        return len(gone)

    def _run_of(self, container: Container) -> Run | None:
        with suppress(UnknownRunError):
            return self._runs.get(RunId(container.run_id))
        return None

    def _arrived(self, name: str) -> ImageFacts:
        image = self._care.image(name)
        if image is None:
            raise TargetError(
                f"The image {name} is not there after all.", "Docker's own log has the details."
            )
        return image

    def _require_space(self, needed: int, what: str) -> None:
        engine = self._care.engine()
        if engine.free_bytes is not None and engine.free_bytes < needed:
            raise StudioError(
                f"{what} takes about {needed / GIB:.0f} GB, and {engine.free_bytes / GIB:.1f} GB are free on "
                f"the disk of {engine.root}, where Docker keeps images.",
                "Make room there, for example with: docker system prune",
            )

    def _system(self) -> str:
        if not sys.platform.startswith("linux"):
            return ""
        try:
            return self._os_release.read_text(encoding="utf-8")
        except OSError:
            return ""


def can_be_pulled(image: str) -> bool:
    """Whether the name has a registry or a namespace: one without is an image that was built here."""
    return "/" in image.strip().strip("/")


def variant_of(image: str) -> Literal["cuda", "cpu"]:
    return "cpu" if image.rpartition(":")[2].startswith("cpu") else "cuda"


def described(image: ImageFacts) -> str:
    """Size, version and age, for people."""
    made = f", made {image.created.astimezone():%d %B %Y}" if image.created else ""
    version = f", of version {image.version}" if image.version else ""
    kind = {"cuda": ", for NVIDIA GPUs", "cpu": ", for the processor"}.get(image.variant, "")
    return f"{sized(image.size_bytes)}{kind}{version}{made}"
