"""One account: its keys, volumes, templates, pods, money; and the rules of what it may have."""

import json
import re
import secrets
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from threading import Event, RLock, Thread
from typing import Any

from tests.emulators.runpod.catalogue import gpu_types, regions
from tests.emulators.runpod.clock import Clock
from tests.emulators.runpod.containers import Image, Place, free_port
from tests.emulators.runpod.faults import Faults
from tests.emulators.runpod.pods import WITHOUT_AGENT, Pace, Pod, Wish, scratch

NO_CAPACITY = (
    "There are no longer any instances available with the requested specifications. "
    "Please refresh and try again."
)
NO_CREDIT = "Your balance is too low to deploy this pod. Please add funds."


class Refused(Exception):
    """A request that Runpod does not carry out."""

    def __init__(self, status: int, detail: str, errors: list[str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors


@dataclass
class Volume:
    id: str
    name: str
    size: int
    region: str
    type: str = "STANDARD"
    folder: Path = field(default_factory=Path)

    def json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "size": self.size,
            "dataCenter": self.region,
            "type": self.type,
        }


class Account:
    def __init__(
        self,
        folder: Path,
        *,
        images: Mapping[str, Image],
        pace: Pace,
        credit: float,
        base_url: Callable[[], str],
    ) -> None:
        self.key = f"rpa_{secrets.token_hex(16)}"
        self.reading_key = f"rpa_{secrets.token_hex(16)}"
        """May read and nothing else."""
        self.folder = folder
        self.clock = Clock()
        self.faults = Faults()
        self.gpus = gpu_types()
        self.regions = regions()
        self.volumes: dict[str, Volume] = {}
        self.templates: dict[str, dict[str, Any]] = {}
        self.pods: dict[str, Pod] = {}
        """Those that are gone, too: they have cost money."""
        self.images = dict(images)
        """By name, or the beginning of one; "" is for all."""
        self.pace = pace
        self.deposit = credit
        self.spend_limit = 80.0
        self.lock = RLock()
        self._base_url = base_url
        self._over = Event()
        self._watcher = Thread(target=self._watch, daemon=True)
        self._watcher.start()

    @property
    def spent(self) -> float:
        return sum(pod.spent() for pod in list(self.pods.values()))

    @property
    def balance(self) -> float:
        return self.deposit - self.spent

    @property
    def living(self) -> list[Pod]:
        return [pod for pod in list(self.pods.values()) if not pod.is_gone]

    @property
    def spend_per_hour(self) -> float:
        return sum(pod.cost for pod in self.living)

    def pod(self, pod_id: str) -> Pod:
        pod = self.pods.get(pod_id)
        if pod is None or pod.is_gone:
            raise Refused(404, "pod not found")
        return pod

    def rent(self, wish: Wish) -> Pod:
        with self.lock:
            gpu = self.gpus.get(wish.gpu)
            if gpu is None:
                raise Refused(400, f"GPU type {wish.gpu} not found")
            region = self._region(wish)
            if self.balance < gpu.secure * wish.count:
                raise Refused(402, NO_CREDIT)
            return self._placed(wish, region)

    def create_volume(self, name: str, size: int, region: str, kind: str) -> Volume:
        place = self.regions.get(region)
        if place is None or not place.volumes:
            have = ", ".join(sorted(one.id for one in self.regions.values() if one.volumes))
            raise Refused(400, f"Data center {region} does not support network volumes. Try one of: {have}")
        volume = Volume(secrets.token_hex(5), name, size, region, kind)
        volume.folder = self.folder / "volumes" / volume.id
        volume.folder.mkdir(parents=True)
        with self.lock:
            self.volumes[volume.id] = volume
        return volume

    def delete_volume(self, volume_id: str) -> None:
        if volume_id not in self.volumes:
            raise Refused(404, "network volume not found")
        if any(pod.wish.volume_id == volume_id for pod in self.living):
            raise Refused(400, "network volume is in use by a pod")
        del self.volumes[volume_id]

    def lose(self, pod_id: str) -> None:
        """The host takes the pod away: no warning, and it is gone."""
        self.pods[pod_id].terminate("host")

    def close(self) -> None:
        self._over.set()
        self._watcher.join(10)
        for pod in self.living:
            pod.terminate("the emulator's end")

    def _region(self, wish: Wish) -> str:
        """Where there is one. A pinned region without stock looks like no capacity at all."""
        if wish.volume_id:
            volume = self.volumes.get(wish.volume_id)
            if volume is None:
                raise Refused(404, "network volume not found")
            if wish.cloud != "SECURE":
                raise Refused(400, "Something went wrong. Please try again later or contact support.")
            if wish.regions and volume.region not in wish.regions:
                raise Refused(400, NO_CAPACITY)
            wish.regions = [volume.region]
        if any(region not in self.regions for region in wish.regions):
            raise Refused(400, "Failed to find data center, please try again.")
        stock = self.gpus[wish.gpu].stock
        places = [region for region in stock if not wish.regions or region in wish.regions]
        if not places or self.faults.has_no(wish.gpu, places) or wish.count > self.gpus[wish.gpu].most:
            raise Refused(400, NO_CAPACITY)
        return places[0]

    def _placed(self, wish: Wish, region: str) -> Pod:
        pod_id = secrets.token_hex(7)
        volume = self.volumes[wish.volume_id].folder if wish.volume_id else self.folder / "hosts" / pod_id
        volume.mkdir(parents=True, exist_ok=True)
        ports = {int(port.partition("/")[0]): free_port() for port in wish.ports}
        wish.cmd = wish.cmd or command_of(wish.args)
        if self.faults.takes("without_agent"):
            wish.cmd = WITHOUT_AGENT
        gpu, image = self.gpus[wish.gpu], self._image(wish.image)
        pod = Pod(
            wish,
            region=region,
            price=(gpu.secure if wish.cloud == "SECURE" else gpu.community) * wish.count,
            cuda=gpu.cuda[-1] if gpu.cuda else None,
            place=Place(
                pod_id,
                wish.mount_path,
                volume,
                scratch(self.folder / "pods", pod_id),
                ports,
                has_paths_of_its_own=bool(image and image.engine_image),
            ),
            image=image,
            base_url=self._base_url,
            clock=self.clock,
            pace=self.pace,
            is_stuck=self.faults.takes("stuck_provisioning"),
        )
        self.pods[pod_id] = pod
        return pod

    def _image(self, name: str) -> Image | None:
        found = [known for known in self.images if name.startswith(known)]
        return self.images[max(found, key=len)] if found else None

    def _watch(self) -> None:
        """What Runpod itself ends: at the time that was named, and when the money is gone."""
        while not self._over.wait(0.02):
            now = self.clock.now()
            for pod in self.living:
                if pod.wish.terminate_after and pod.wish.terminate_after <= now:
                    pod.terminate("terminateAfter")
                elif pod.wish.stop_after and pod.wish.stop_after <= now:
                    pod.stop()
            if self.living and self.balance <= 0:
                for pod in self.living:
                    pod.stop() if pod.wish.volume_id else pod.terminate("no credit")


def command_of(args: str) -> list[str]:
    """`args` is JSON of the command, or words as for a shell."""
    if not args.strip():
        return []
    try:
        told = json.loads(args)
    except ValueError:
        return shlex.split(args)
    if isinstance(told, dict):
        return [*told.get("entrypoint", []), *told.get("cmd", [])]
    return shlex.split(args)


def duration(text: str) -> timedelta | None:
    """ "1h", as one page of their documentation has it."""
    found = re.fullmatch(r"(\d+)([smhd])", text)
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    return timedelta(**{units[found[2]]: int(found[1])}) if found else None
