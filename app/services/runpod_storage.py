"""Volumes and templates at Runpod: ensured once, listed with their price, deleted on a word."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from app.domain.errors import StudioError
from app.domain.money import money
from app.domain.renting import image_problem
from app.domain.runpod_ports import GpuOffer, NetworkVolume, NoCapacityError, PodTemplate, RunpodCloud
from app.domain.runpod_storage import (
    AGENT_PORT,
    LEAST_GB,
    MOST_GB,
    OURS,
    VolumePlan,
    VolumeState,
    is_ours,
    monthly_price,
    volume_plan,
)


@dataclass(frozen=True)
class Stored:
    """All that is kept there."""

    volumes: Sequence[VolumeState]
    templates: Sequence[PodTemplate]

    @property
    def monthly(self) -> float:
        """Dollars for all volumes of the account whose price is known, used or not."""
        return sum(state.monthly or 0.0 for state in self.volumes)

    @property
    def in_words(self) -> str:
        """What all volumes cost, as a sentence."""
        unknown = sum(1 for state in self.volumes if state.monthly is None)
        if not unknown:
            return f"About {money(self.monthly)} a month for all volumes."
        return (
            f"About {money(self.monthly)} a month for {len(self.volumes) - unknown} of {len(self.volumes)} "
            "volumes. The price of high-performance storage differs by data centre and is not known here: "
            "Runpod's console shows it."
        )


class RunpodStorageService:
    """Blocking: each call asks Runpod, for seconds. Everything raises StudioError."""

    def __init__(self, cloud: Callable[[], RunpodCloud], problem: Callable[[], str]) -> None:
        """`cloud` gives the account, or raises TargetError; `problem` says why there is none."""
        self._cloud = cloud
        self._problem = problem
        self._one_at_a_time = threading.Lock()

    def problem(self) -> str:
        """Why Runpod cannot be asked now, as a sentence; empty if it can."""
        return self._problem()

    def stored(self) -> Stored:
        return Stored(self.volumes(), self._cloud().templates())

    def volumes(self) -> Sequence[VolumeState]:
        """All of the account, ours first."""
        cloud = self._cloud()
        found, pods = cloud.volumes(), cloud.pods()
        states = [
            VolumeState(
                volume,
                monthly_price(volume.size_gb, volume.kind),
                tuple(pod.name for pod in pods if pod.volume_id == volume.id),
            )
            for volume in found
        ]
        return sorted(states, key=lambda state: (not state.is_ours, state.volume.name, state.volume.region))

    def plan_volume(self, *, size_gb: int, gpu: str = "", region: str = "") -> VolumePlan:
        """What `ensure_volume` would do; changes nothing. `gpu` by its id or its name."""
        if not LEAST_GB <= size_gb <= MOST_GB:
            raise StudioError(
                f"Runpod has no volume of {size_gb} GB.", f"Choose from {LEAST_GB} to {MOST_GB} GB."
            )
        cloud = self._cloud()
        offer = _named(cloud.offers(), gpu) if gpu else None
        plan = volume_plan(cloud.volumes(), cloud.regions(), offer, size_gb=size_gb, region=region)
        if plan is None:
            what = f"{offer.name} and volumes" if offer else "volumes"
            where = f"In {region} there are no {what}" if region else f"No region has {what}"
            raise NoCapacityError(f"{where} now.", "Choose another region or GPU, or go without a volume.")
        return plan

    def ensure_volume(self, *, size_gb: int, gpu: str = "", region: str = "") -> VolumePlan:
        """Take what is there, else make it: billed by the month from then on. Twice is once."""
        with self._one_at_a_time:
            plan = self.plan_volume(size_gb=size_gb, gpu=gpu, region=region)
            if plan.is_done:
                return plan
            cloud = self._cloud()
            if plan.existing:
                made = cloud.grow_volume(plan.existing.id, size_gb=plan.size_gb)
            else:
                made = cloud.create_volume(OURS, size_gb=plan.size_gb, region=plan.region)
            return replace(plan, existing=made)

    def delete_volume(self, volume_id: str) -> NetworkVolume:
        """With all files on it. Refuses what Tunewright did not make, and what a pod has."""
        found = next((state for state in self.volumes() if state.volume.id == volume_id), None)
        if found is None:
            raise StudioError(f"There is no volume {volume_id}.", "List them anew: it may be gone already.")
        _require_ours(found.volume.name, "volume")
        if found.pods:
            raise StudioError(
                f"The volume is in use by the pod {found.pods[0]}.", "Stop the run, then delete the volume."
            )
        self._cloud().delete_volume(volume_id)
        return found.volume

    def ensure_template(self, *, image: str, disk_gb: int) -> PodTemplate:
        """A preset in the account that names this image. One that names another image is replaced."""
        if problem := image_problem(image):
            raise StudioError("A template needs an image that Runpod can get.", f"{problem}.")
        with self._one_at_a_time:
            cloud = self._cloud()
            for known in [known for known in cloud.templates() if known.name == OURS]:
                if (known.image, known.disk_gb) == (image, disk_gb):
                    return known
                cloud.delete_template(known.id)
            return cloud.create_template(OURS, image=image, disk_gb=disk_gb, ports=(AGENT_PORT,))

    def delete_template(self, template_id: str) -> PodTemplate:
        found = next((known for known in self._cloud().templates() if known.id == template_id), None)
        if found is None:
            raise StudioError(
                f"There is no template {template_id}.", "List them anew: it may be gone already."
            )
        _require_ours(found.name, "template")
        self._cloud().delete_template(template_id)
        return found


def _named(offers: Sequence[GpuOffer], gpu: str) -> GpuOffer:
    found = [offer for offer in offers if gpu.lower() in (offer.id.lower(), offer.name.lower())]
    if not found:
        raise StudioError(f"Runpod has no GPU {gpu}.", "`tunewright runpod gpus` lists them.")
    return found[0]


def _require_ours(name: str, what: str) -> None:
    if not is_ours(name):
        raise StudioError(
            f"Tunewright did not make the {what} {name}, and does not delete it.",
            "Delete it in the Runpod console.",
        )
