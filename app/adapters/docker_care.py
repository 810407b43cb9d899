"""Builds, pulls, tests and tidies up on the local Docker engine, when a person asks for it."""

import io
import tarfile
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from app.adapters.docker_disk import free_bytes, kind_of
from app.adapters.docker_proxy import container_proxy
from app.adapters.docker_stream import ended_by, follow_build, follow_pull
from app.domain.docker_care import CareProgress, Container, EngineFacts, ImageFacts, Told
from app.domain.errors import TargetError
from app.domain.runs import RunId
from app.domain.stopping import Stop

if TYPE_CHECKING:
    from app.adapters.docker_engine import Connect, Engine

_QUICK_SECONDS: Final = 5
_GPU_TEST_SECONDS: Final = 50
_LONG_SECONDS: Final = 600
"""An engine that builds may be silent for as long as its longest step prints nothing."""
_LABEL: Final = "tunewright.app=1"
_NOT_SENT: Final = ("__pycache__", ".pyc")


class LocalDockerCare:
    """Implements `DockerCare`. `checkout` holds Dockerfile.trainer and trainer_image/."""

    def __init__(self, checkout: Path, *, version: str, connect: "Connect | None" = None) -> None:
        self._checkout = checkout
        self._version = version
        self._connect = connect

    def engine(self) -> EngineFacts:
        with self._engine(_QUICK_SECONDS) as engine:
            info, address = engine.client.info(), engine.client.api.base_url
        root, kind = str(info.get("DockerRootDir") or ""), kind_of(info, address)
        return EngineFacts(
            version=str(info.get("ServerVersion") or ""),
            root=root,
            free_bytes=free_bytes(root, kind),
            can_use_gpu="nvidia" in (info.get("Runtimes") or {}),
            kind=kind,
        )

    def image(self, name: str) -> ImageFacts | None:
        from docker.errors import ImageNotFound  # noqa: PLC0415 - a tenth of a second

        with self._engine(_QUICK_SECONDS, image=name) as engine:
            try:
                attributes: dict[str, Any] = engine.client.images.get(name).attrs
            except ImageNotFound:
                return None
        labels = (attributes.get("Config") or {}).get("Labels") or {}
        return ImageFacts(
            name,
            int(attributes.get("Size") or 0),
            _time(attributes.get("Created")),
            str(labels.get("app.tunewright.variant", "")),
            str(labels.get("app.tunewright.version", "")),
        )

    def build(self, name: str, variant: Literal["cuda", "cpu"], told: Told, stop: Stop) -> None:
        recipe = self._checkout / "Dockerfile.trainer"
        if not recipe.is_file():
            raise TargetError(
                "The recipe Dockerfile.trainer is not part of this installation.",
                "Build from a checkout of Tunewright, or pull an image.",
            )
        proxy = container_proxy()
        told(CareProgress(" ".join(filter(None, ["Handing the recipe to Docker.", proxy.kept_back]))))
        with self._engine(_LONG_SECONDS, image=name) as engine, ended_by(stop, engine):
            stream = engine.client.api.build(
                fileobj=self._context(recipe),
                custom_context=True,
                dockerfile=recipe.name,
                tag=name,
                buildargs={"VARIANT": variant, **proxy.variables},  # Docker leaves a proxy out of the image
                labels={"app.tunewright.version": self._version, "app.tunewright.variant": variant},
                rm=True,
                forcerm=True,
                decode=True,
            )
            follow_build(stream, told)

    def pull(self, name: str, told: Told, stop: Stop) -> None:
        repository, tag = _name_and_tag(name)
        if container_proxy().is_set:
            told(CareProgress("Docker fetches it by its own proxy settings, not by this app's"))
        with self._engine(_LONG_SECONDS, image=name) as engine, ended_by(stop, engine):
            stream = engine.client.api.pull(repository, tag=tag, stream=True, decode=True)
            follow_pull(stream, told, name)

    def test_gpu(self, image: str) -> str:
        from requests.exceptions import RequestException  # noqa: PLC0415

        from app.adapters import docker_engine  # noqa: PLC0415

        with self._engine(60, image=image) as engine:
            container = engine.client.containers.create(
                image,
                ["-L"],
                entrypoint=["nvidia-smi"],
                labels={"tunewright.app": "1", "tunewright.gpu_test": "1"},
                network_mode="none",
                device_requests=docker_engine.gpus(None),
            )
            try:
                container.start()
                code = int(container.wait(timeout=_GPU_TEST_SECONDS)["StatusCode"])
                said = container.logs().decode(errors="replace").strip()
            except RequestException as error:
                if "timed out" not in str(error):
                    raise
                raise TargetError(
                    f"The container was still looking for the GPU after {_GPU_TEST_SECONDS} seconds.",
                    "The driver may be stuck: see whether nvidia-smi answers in a terminal.",
                ) from error
            finally:
                container.remove(force=True)
        if code != 0 or "GPU" not in said:
            raise TargetError(
                f"The container sees no GPU: {said[:200] or f'nvidia-smi ended with code {code}'}.",
                "Check that nvidia-smi works outside Docker, too.",
            )
        return said

    def examine(self, image: str) -> str:
        from app.adapters import docker_engine  # noqa: PLC0415

        with self._engine(120, image=image) as engine:
            has_gpu = "nvidia" in (engine.client.info().get("Runtimes") or {})
            gpus = docker_engine.gpus(None) if has_gpu else []
            container = engine.client.containers.create(
                image,
                ["--doctor"],
                labels={"tunewright.app": "1", "tunewright.gpu_test": "1"},
                network_mode="none",
                device_requests=gpus,
            )
            try:
                container.start()
                code = int(container.wait(timeout=110)["StatusCode"])
                said = container.logs(stderr=False).decode(errors="replace")
            finally:
                container.remove(force=True)
        if code != 0 or not said.strip().startswith("{"):
            raise TargetError(
                f"The image {image} does not say what it can train (exit code {code}).",
                "Build or pull it again: it is older than this Tunewright, or not its trainer.",
            )
        return said

    def containers(self) -> Sequence[Container]:
        with self._engine(_QUICK_SECONDS) as engine:
            found = engine.client.containers.list(all=True, ignore_removed=True, filters={"label": _LABEL})
            return [
                Container(
                    str(c.id),
                    str(c.name),
                    RunId(c.labels.get("tunewright.run_id", "")),
                    str(c.status),
                    _time(c.attrs.get("Created")),
                )
                for c in found
            ]

    def remove(self, container_id: str) -> None:
        from app.adapters import docker_engine  # noqa: PLC0415

        with self._engine(60) as engine:
            if container := engine.get(container_id):
                docker_engine.remove(container)

    def _engine(self, timeout_seconds: int, *, image: str = "") -> AbstractContextManager["Engine"]:
        from app.adapters import docker_engine  # noqa: PLC0415 it imports docker

        connect = self._connect or docker_engine.connect
        return docker_engine.open_engine(connect, timeout_seconds=timeout_seconds, image=image)

    def _context(self, recipe: Path) -> io.BytesIO:
        """The recipe and the trainer, nothing of the person's."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            for path in (recipe, self._checkout / "trainer_image"):
                tar.add(path, path.name, filter=_sent)
        packed.seek(0)
        return packed


def _sent(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    if entry.name.endswith(_NOT_SENT):
        return None
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def _name_and_tag(name: str) -> tuple[str, str | None]:
    """Without a tag `pull` would fetch every one there is."""
    if "@" in name:
        return name, None
    repository, colon, tag = name.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (name, "latest")


def _time(text: object) -> datetime | None:
    """Docker writes nanoseconds, which Python cannot read."""
    if not isinstance(text, str) or len(text) < 19:
        return None
    try:
        return datetime.fromisoformat(text[:19] + "+00:00")
    except ValueError:
        return None
