"""A pod: PROVISIONING, STARTING, RUNNING; its command begun again whenever it exits; billed by the second."""

import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Event, RLock, Thread
from typing import Any, Protocol

from tests.emulators.runpod.clock import Clock, written
from tests.emulators.runpod.containers import Container, Image, Place
from tests.emulators.runpod.pod_log import PodLog

ACTIONS = {
    "PROVISIONING": ["stop", "terminate"],
    "STARTING": ["stop", "terminate"],
    "RUNNING": ["stop", "restart", "terminate"],
    "EXITED": ["start", "terminate"],
    "ERROR": ["start", "terminate"],
    "TERMINATED": [],
}
WITHOUT_AGENT = ["{python}", "-c", "import time; time.sleep(1e9)"]


class Running(Protocol):
    """A process or a container."""

    def wait(self) -> int: ...

    def kill(self) -> None: ...


@dataclass
class Wish:
    """What a create asked for, whichever way."""

    name: str
    image: str
    gpu: str
    count: int = 1
    regions: Sequence[str] = ()
    volume_id: str = ""
    mount_path: str = "/workspace"
    persistent: int = 0
    disk: int = 50
    ports: Sequence[str] = ()
    env: dict[str, str] = field(default_factory=dict)
    args: str = ""
    cmd: Sequence[str] = ()
    cloud: str = "SECURE"
    terminate_after: datetime | None = None
    stop_after: datetime | None = None


@dataclass
class Stretch:
    """A time that is billed."""

    begins: datetime
    ends: datetime | None = None

    def seconds(self, begins: datetime, ends: datetime) -> float:
        last = min(self.ends or ends, ends)
        return max(0.0, (last - max(self.begins, begins)).total_seconds())


@dataclass
class Pace:
    """How long things take, in seconds."""

    provision: float = 0.05
    start: float = 0.05
    restart: float = 0.1


class Pod:
    def __init__(
        self,
        wish: Wish,
        *,
        region: str,
        price: float,
        cuda: str | None,
        place: Place,
        image: Image | None,
        base_url: Callable[[], str],
        clock: Clock,
        pace: Pace,
        is_stuck: bool,
    ) -> None:
        self.id = place.pod_id
        self.wish = wish
        self.region = region
        self.price = price
        self.cuda = cuda
        self.place = place
        self.key = f"rpp_{secrets.token_hex(16)}"
        """Knows this pod only; its environment has it."""
        self.log = PodLog(clock)
        self.status = "PROVISIONING"
        self.created_at = clock.now()
        self.started_at: datetime | None = None
        self.billed = [Stretch(clock.now())]
        self.starts = 0
        self.ended_by = ""
        self._image = image
        self._base_url = base_url
        self._clock = clock
        self._pace = pace
        self._is_stuck = is_stuck
        self._lock = RLock()
        self._over = Event()
        self._container: Running | None = None
        self._thread: Thread | None = None
        self._begin()

    @property
    def is_gone(self) -> bool:
        return self.status == "TERMINATED"

    @property
    def cost(self) -> float:
        return 0.0 if self.status in ("EXITED", "ERROR", "TERMINATED") else self.price

    def spent(self, begins: datetime | None = None, ends: datetime | None = None) -> float:
        first, last = begins or self.created_at, ends or self._clock.now()
        return sum(stretch.seconds(first, last) for stretch in self.billed) * self.price / 3600

    def stop(self) -> None:
        self._end("EXITED", "stop")

    def terminate(self, by: str = "account") -> None:
        self._end("TERMINATED", by)
        self.log.close()

    def start(self) -> None:
        with self._lock:
            if self.status not in ("EXITED", "ERROR"):
                return
            self.status = "STARTING"
            self.billed.append(Stretch(self._clock.now()))
            self._begin()

    def restart(self) -> None:
        """The command is begun again, as after every exit."""
        self.kill_container()

    def kill_container(self) -> None:
        """As when the host runs out of memory: no warning, and it is begun again."""
        with self._lock:
            container = self._container
        if container:
            container.kill()

    def json(self) -> dict[str, Any]:
        wish = self.wish
        mounts: dict[str, Any] = {}
        if wish.volume_id:
            mounts["network"] = [{"volumeId": wish.volume_id, "path": wish.mount_path}]
        if wish.persistent:
            mounts["persistent"] = {"size": wish.persistent, "path": wish.mount_path}
        running = self.status == "RUNNING"
        return {
            "id": self.id, "name": wish.name, "image": wish.image, "args": wish.args, "disk": wish.disk,
            "ports": list(wish.ports), "env": dict(wish.env), "registry": None, "status": self.status,
            "actions": ACTIONS[self.status], "mounts": mounts, "gpu": {"id": wish.gpu, "count": wish.count},
            "cloud": wish.cloud, "dataCenterId": self.region, "cudaVersion": self.cuda,
            "ssh": {"proxy": None, "direct": None}, "template": None, "cost": self.cost, "locked": False,
            "globalNetworking": {"enabled": False}, "runtime": self._runtime() if running else None,
            "createdAt": written(self.created_at),
            "startedAt": written(self.started_at) if self.started_at else None,
        }  # fmt: skip

    def _runtime(self) -> dict[str, Any]:
        up = (self._clock.now() - self.started_at).total_seconds() if self.started_at else 0
        return {"uptime": int(up), "gpus": [{"util": 90, "memoryUtil": 70}], "ports": []}

    def _begin(self) -> None:
        self._over = Event()
        self._thread = Thread(target=self._live, args=(self._over,), daemon=True)
        self._thread.start()

    def _end(self, status: str, by: str) -> None:
        with self._lock:
            if self.status in (status, "TERMINATED"):
                return
            self.status, self.ended_by = status, by
            if self.billed[-1].ends is None:
                self.billed[-1].ends = self._clock.now()
            self._over.set()
            container = self._container
        self.log.add("system", f"stop container {self.id}")
        if container:
            container.kill()
        if self._thread:
            self._thread.join(20)
        if status == "TERMINATED":
            self.log.add("system", f"remove container {self.id}")

    def _live(self, over: Event) -> None:
        if over.wait(1e9 if self._is_stuck else self._pace.provision):
            return
        if not self._becomes("STARTING", over):
            return
        self.log.add("system", f"create container {self.wish.image}")
        argv = self._argv()
        if argv is None:
            self.log.add("system", f"error pulling image: manifest for {self.wish.image} not found")
            over.wait()
            return
        if over.wait(self._pace.start) or not self._becomes("RUNNING", over):
            return
        with self._lock:
            self.started_at = self._clock.now()
        while not over.is_set():
            self._run(argv, over)
            over.wait(self._pace.restart)

    def _becomes(self, status: str, over: Event) -> bool:
        with self._lock:
            if over.is_set():
                return False
            self.status = status
            return True

    def _run(self, argv: Sequence[str], over: Event) -> None:
        self.log.add("system", f"start container for {self.wish.image}: begin")
        with self._lock:
            if over.is_set():
                return
            self.starts += 1
            try:
                container = self._started(argv)
            except OSError as error:
                self.log.add("system", f"OCI runtime create failed: {error}")
                return
            self._container = container
        container.wait()
        with self._lock:
            self._container = None

    def _started(self, argv: Sequence[str]) -> Running:
        def say(line: str) -> None:
            self.log.add("container", line)

        if self._image and self._image.engine_image:
            from tests.emulators.runpod.engine_containers import EngineContainer  # noqa: PLC0415

            name, mounts = self._image.engine_image, self._image.mounts
            return EngineContainer(name, argv, self._environment(), self.place, say, mounts=mounts)
        return Container(argv, self._environment(), self.place, say)

    def _argv(self) -> list[str] | None:
        if self.wish.cmd:
            return [self.place.mapped(self.place.told(part)) for part in self.wish.cmd]
        return [self.place.told(part) for part in self._image.argv] if self._image else None

    def _environment(self) -> dict[str, str]:
        """Not that of this computer: a pod has its own."""
        wish = self.wish
        own = {key: self.place.mapped(value) for key, value in wish.env.items()}
        image = {
            key: self.place.told(value) for key, value in (self._image.env if self._image else {}).items()
        }
        places = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(self.place.scratch), "LANG": "C.UTF-8"}
        return {
            **({} if self.place.has_paths_of_its_own else places),
            **own,
            "RUNPOD_POD_ID": self.id,
            "RUNPOD_API_KEY": self.key,
            "RUNPOD_DC_ID": self.region,
            "RUNPOD_VOLUME_ID": wish.volume_id,
            "RUNPOD_GPU_COUNT": str(wish.count),
            "RUNPOD_GPU_NAME": wish.gpu.replace(" ", "+"),
            "RUNPOD_API_BASE_URL": self._base_url(),  # not set by Runpod: there it is the usual place
            **image,
        }


def scratch(folder: Path, pod_id: str) -> Path:
    with suppress(FileExistsError):
        (folder / pod_id).mkdir(parents=True)
    return folder / pod_id
