"""Runs as containers of the local Docker engine.

Keeps no state: a run's containers carry its id and attempt as labels. They are never removed by the engine
itself, because exit code and log would go with them.
"""

import logging
import os
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.adapters.docker_logs import append_new_lines
from app.adapters.docker_plan import Shared, data_dir, labels, plan
from app.adapters.docker_proxy import container_proxy
from app.adapters.gpu import nvidia_gpus
from app.adapters.run_files import write_config
from app.domain.errors import TargetError
from app.domain.runs import DockerOptions, JobHandle, JobPhase, JobState, Run
from app.domain.typed_paths import expanded, is_folder

if TYPE_CHECKING:
    from docker.models.containers import Container

    from app.adapters.docker_engine import Connect, Engine

log = logging.getLogger(__name__)

_POLL_SECONDS: Final = 0.1
_LEAST_DISK: Final = 1024**3
_KILLED: Final = 137
_QUICK_SECONDS: Final = 3


class DockerLauncher:
    """`data_dir` is the host folder mounted at /data where a run names no other."""

    def __init__(
        self,
        data_dir: Path,
        *,
        connect: "Connect | None" = None,
        gpus: Callable[[], Sequence[object]] = nvidia_gpus,
        shared: Sequence[Shared] = (),
        mem_limit: str | None = None,
        timeout_seconds: int = 60,
        save_patience_seconds: float = 300,
        leave_patience_seconds: float = 15,
    ) -> None:
        """`connect` makes a client (default: environment, then docker context). `shared` is what containers
        see beside the data folder. `mem_limit` like "24g" bounds a container's memory, swap included."""
        self._data_dir = data_dir
        self._connect = connect
        self._gpus = gpus
        self._shared = tuple(shared)
        self._mem_limit = mem_limit
        self._timeout = timeout_seconds
        self._patience = {True: save_patience_seconds, False: leave_patience_seconds}

    def problems(self, docker: DockerOptions) -> Sequence[str]:
        return [*self._engine_problems(docker.image), *_folder_problems(docker.data_dir or self._data_dir)]

    def launch(
        self,
        run: Run,
        *,
        resume: bool,
        extend: bool = False,
        resume_from: str = "",
        secrets: Mapping[str, str],
    ) -> JobHandle:
        """Also removes the ended containers of earlier attempts, once their logs are copied."""
        image = run.docker.image
        with self._engine(image=image) as engine:
            wanted = plan(
                run,
                data_dir(run, self._data_dir),
                resume=resume,
                extend=extend,
                resume_from=resume_from,
                secrets=secrets,
                more=self._shared,
                proxy=_proxy_of(run),
            )
            engine.require_image(image)
            self._make_way(engine, run)
            write_config(run.folder, wanted.config)
            container_id = engine.start(
                wanted, image, gpu=self._gpu(run), mem_limit=self._mem_limit, only_gpu=run.gpu
            )
        return JobHandle(container_id)

    def find(self, run: Run) -> JobHandle | None:
        with self._engine() as engine:
            found = engine.find({**labels(run), "tunewright.attempt": str(run.attempt)})
            # A created one was never started: its launch is under way, or was cut short.
            started = [str(container.id) for container in found if container.status != "created"]
        return JobHandle(started[0]) if started else None

    def state(self, handle: JobHandle) -> JobState:
        with self._engine() as engine:
            container = engine.get(handle)
            return _state(container) if container else JobState(JobPhase.GONE)

    def stop(self, handle: JobHandle, *, save: bool) -> None:
        from app.adapters import docker_engine  # noqa: PLC0415

        if self._has_ended(handle):
            return
        with self._engine() as engine:
            if container := engine.get(handle):
                docker_engine.signal(container, "SIGTERM" if save else "SIGINT")
        if self._ends_within(handle, self._patience[save]):
            return
        log.warning("Container %.12s did not leave when asked and is ended by force", handle)
        with self._engine() as engine:
            if container := engine.get(handle):
                docker_engine.signal(container, "SIGKILL")
        if not self._ends_within(handle, 30):
            raise TargetError("The run could not be ended, not even by force.", "Restart Docker.")

    def sync_log(self, run: Run, handle: JobHandle) -> None:
        with self._engine() as engine:
            if container := engine.get(handle):
                _copy_log(run, container)

    def clean_up(self, handle: JobHandle) -> None:
        from app.adapters import docker_engine  # noqa: PLC0415

        with self._engine() as engine:
            container = engine.get(handle)
            if container and container.labels.get("tunewright.app") and docker_engine.ended(container):
                docker_engine.remove(container)

    def _engine(
        self, *, image: str = "", timeout_seconds: int | None = None
    ) -> AbstractContextManager["Engine"]:
        from app.adapters import docker_engine  # noqa: PLC0415 it imports docker

        return docker_engine.open_engine(
            self._connect or docker_engine.connect,
            timeout_seconds=timeout_seconds or self._timeout,
            image=image,
        )

    def _engine_problems(self, image: str) -> list[str]:
        try:
            with self._engine(image=image, timeout_seconds=_QUICK_SECONDS) as engine:
                engine.require_image(image)
        except TargetError as error:
            return [str(error)]
        return []

    def _make_way(self, engine: "Engine", run: Run) -> None:
        from app.adapters import docker_engine  # noqa: PLC0415

        for container in engine.find(labels(run)):
            if container.status != "created" and not docker_engine.ended(container):
                raise TargetError("This run is still going.", "Stop it first.")
            _copy_log(run, container)
            docker_engine.remove(container)

    def _gpu(self, run: Run) -> bool:
        """Whether to ask for the GPU. Without one here the run goes on the processor, and its log says so."""
        if run.docker.use_gpu and not self._gpus():
            with run.log_path.open("a", encoding="utf-8") as file:
                file.write(
                    "[tunewright] No NVIDIA GPU was found on this computer: training on the processor.\n"
                )
            return False
        return run.docker.use_gpu

    def _has_ended(self, handle: JobHandle) -> bool:
        return self.state(handle).phase is not JobPhase.RUNNING

    def _ends_within(self, handle: JobHandle, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not self._has_ended(handle):
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)
        return True


def _proxy_of(run: Run) -> Mapping[str, str]:
    """Of one that the container must not or cannot have, its log says why it goes without."""
    if run.config.offline:
        return {}
    proxy = container_proxy()
    if proxy.kept_back:
        with run.log_path.open("a", encoding="utf-8") as file:
            file.write(f"[tunewright] {proxy.kept_back}\n")
    return proxy.variables


def _state(container: "Container") -> JobState:
    from app.adapters import docker_engine  # noqa: PLC0415

    if not docker_engine.ended(container):
        return JobState(JobPhase.RUNNING)
    state = docker_engine.state_of(container)
    code = int(state["ExitCode"])
    # The engine also says OOMKilled when only a child was killed and the trainer ended in its own way.
    return JobState(JobPhase.EXITED, code, out_of_memory=bool(state.get("OOMKilled")) and code == _KILLED)


def _copy_log(run: Run, container: "Container") -> None:
    from app.adapters import docker_engine  # noqa: PLC0415

    def read(since: float | None) -> Iterable[bytes]:
        return container.logs(timestamps=True, stream=True, follow=False, since=since)

    append_new_lines(run.log_path, read, ended=docker_engine.ended(container))


def _folder_problems(folder: Path) -> list[str]:
    folder = expanded(folder).absolute()
    while not is_folder(folder):
        folder = folder.parent
    if not os.access(folder, os.W_OK):
        return [f"The data folder {folder} cannot be written. Choose another one."]
    free = shutil.disk_usage(folder).free
    if free < _LEAST_DISK:
        return [f"Only {free / 1024**2:.0f} MB are free in the data folder {folder}. Make room first."]
    return []
