"""A connection to the Docker engine that speaks in plain terms and plain errors.

The only module that imports `docker`: a tenth of a second that the app does not spend at its start.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import docker
import psutil
from docker.errors import APIError, DockerException, NotFound
from docker.models.containers import Container
from docker.types import DeviceRequest, LogConfig, Mount
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from app.adapters.docker_errors import translate
from app.adapters.docker_plan import ContainerPlan
from app.adapters.gpu import cuda_name, named_by_user
from app.domain.errors import TargetError, is_passing

Connect = Callable[[int], docker.DockerClient]
"""Makes a client whose requests wait so many seconds."""

_SHARED_MEMORY: Final = 2 * 1024**3


def connect(timeout_seconds: int) -> docker.DockerClient:
    """The engine of DOCKER_HOST, else of the chosen docker context (Docker Desktop), else the usual one."""
    return docker.from_env(timeout=timeout_seconds)


@contextmanager
def open_engine(connect: Connect, *, timeout_seconds: int, image: str = "") -> Iterator["Engine"]:
    """An engine to talk to. What goes wrong inside is raised as a TargetError; `image` is for its words."""
    client = None
    try:
        client = _connected(connect, timeout_seconds)
        yield Engine(client)
    except (DockerException, RequestException, HTTPError) as error:
        raise translate(error, image=image) from error
    except OSError as error:
        raise TargetError(
            f"A file of the run could not be written: {error.strerror or error}.",
            "Make room on the disk and check who owns the data folder.",
            may_pass=is_passing(error),
        ) from error
    finally:
        if client is not None:
            client.close()


def _connected(connect: Connect, timeout_seconds: int) -> docker.DockerClient:
    try:
        return connect(timeout_seconds)
    except ValueError as error:  # a port that is no number, a config file that is no JSON
        raise DockerException(f"Invalid bind address: {error}") from error
    except OSError as error:  # by ssh: the name or the network
        raise DockerException(str(error)) from error


class Engine:
    """Raises docker's own errors; used inside `open_engine`."""

    def __init__(self, client: docker.DockerClient) -> None:
        self.client = client

    def require_image(self, name: str) -> None:
        """Never pulls: a pull is gigabytes, and a person's decision."""
        self.client.images.get(name)

    def find(self, labels: dict[str, str]) -> list[Container]:
        """Containers in any state with these labels, newest first."""
        wanted = [f"{name}={value}" for name, value in labels.items()]
        return list(self.client.containers.list(all=True, ignore_removed=True, filters={"label": wanted}))

    def get(self, container_id: str) -> Container | None:
        """None if it has been removed."""
        try:
            return self.client.containers.get(container_id)
        except NotFound:
            return None

    def start(
        self,
        plan: ContainerPlan,
        image: str,
        *,
        gpu: bool,
        mem_limit: str | None,
        only_gpu: int | None = None,
    ) -> str:
        """Create and start a container and return its id. If it does not start it is removed again.

        With `gpu` it sees all that may be used, or the one that NVML counts as `only_gpu`.
        """
        container = self.client.containers.create(
            image,
            list(plan.command),
            name=plan.name,
            labels=dict(plan.labels),
            environment=dict(plan.environment),
            mounts=[
                Mount(shared.target, str(shared.source), type="bind", read_only=shared.read_only)
                for shared in plan.shared
            ],
            user=self._user(),
            init=True,
            shm_size=min(_SHARED_MEMORY, psutil.virtual_memory().available // 2),
            network_mode="none" if plan.config.offline else None,
            device_requests=gpus(only_gpu) if gpu else None,
            # The engine's default may be one whose log cannot be read back.
            log_config=LogConfig(type=LogConfig.types.JSON),
            mem_limit=mem_limit,
            memswap_limit=mem_limit,
        )
        try:
            container.start()
        except BaseException:
            with suppress(DockerException, RequestException):
                container.remove(force=True)
            raise
        return str(container.id)

    def _user(self) -> str | None:
        """Whose the files in /data become: this user's. In a rootless engine the container's root is them."""
        if not hasattr(os, "getuid") or "name=rootless" in self.client.info().get("SecurityOptions", []):
            return None
        return f"{os.getuid()}:{os.getgid()}"


def ended(container: Container) -> bool:
    """Whether a container that ran is through. Anything else, like a paused or dying one, still holds on."""
    return container.status in ("exited", "dead")


def signal(container: Container, name: str) -> None:
    """Send a signal; nothing happens if the container ended meanwhile. A paused one wakes up for it."""
    try:
        container.kill(signal=name)
    except APIError:
        with suppress(NotFound):
            container.reload()
            if not ended(container):
                raise


def remove(container: Container) -> None:
    """Remove a container that has ended; nothing happens if somebody else does or did."""
    try:
        container.remove(v=True)
    except NotFound:
        return
    except APIError as error:
        if "already in progress" not in (error.explanation or ""):
            raise


def state_of(container: Container) -> dict[str, Any]:
    return dict(container.attrs["State"])


def gpus(only: int | None) -> list[DeviceRequest]:
    """The one that NVML counts as `only`; else those that the user's CUDA_VISIBLE_DEVICES names, or all.
    Empty where that names none."""
    named = named_by_user() if only is None else [cuda_name(only)]
    if named == []:
        return []
    which: dict[str, Any] = {"count": -1} if named is None else {"device_ids": named}
    return [DeviceRequest(capabilities=[["gpu"]], **which)]
