"""Renting a pod, and finding out whether one was rented when the answer was lost.

With an end set at Runpod's own side it goes by GraphQL, which alone knows `terminateAfter`; else by REST.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from app.adapters.runpod import refusals, sdk, shapes
from app.adapters.runpod.rest import AnswerLostError, Rest
from app.domain.runpod_ports import Pod, PodMayExistError, PodOrder, PodStatus, RunpodError

log = logging.getLogger(__name__)

_LOOKS: Final = (3.0, 7.0, 15.0)
"""Seconds before each look for a pod whose birth was not told."""
_CUDA: Final = [f"{major}.{minor}" for major in range(11, 16) for minor in range(10)]
"""GraphQL takes a list of versions, not the least one; those that no machine has do no harm."""


Look = Callable[[], Sequence[Pod]]
"""All pods of the account."""


def rent(
    order: PodOrder, rest: Rest, key: Callable[[], str], pause: Callable[[float], None], look: Look
) -> Pod:
    """Raises RunpodError if there is no pod, PodMayExistError if that is not known."""
    try:
        if order.ends_at:
            return _by_graphql(order, key())
        return _read(rest.make("POST", "/pods", "volume", body(order)))
    except AnswerLostError as error:
        log.warning("It is not known whether the pod %s was made: %s", order.name, error.means.message)
    return _found(order.name, pause, look)


def _read(answer: Any) -> Pod:
    """A yes that cannot be read is a yes all the same."""
    try:
        return shapes.read(shapes.pod, answer)
    except RunpodError as error:
        raise AnswerLostError(error) from None


def body(order: PodOrder) -> dict[str, Any]:
    """Of `POST /v2/pods`, by the published schema: it refuses every field that it does not know."""
    gpu: dict[str, Any] = {"id": order.gpu_id, "count": order.gpu_count}
    wanted: dict[str, Any] = {
        "name": order.name,
        "image": order.image,
        "cloud": "SECURE",
        "gpu": gpu | ({"minCudaVersion": order.least_cuda} if order.least_cuda else {}),
        "disk": order.disk_gb,
        "ports": list(order.ports),
        "env": dict(order.environment),
        "startSsh": False,
    }
    if order.region:
        wanted["dataCenterIds"] = [order.region]
    if order.volume_id:
        wanted["mounts"] = {"network": [{"volumeId": order.volume_id, "path": order.mount_path}]}
    if order.command:
        wanted["args"] = _args(order.command)
    return wanted


def mutation(order: PodOrder) -> str:
    """`podFindAndDeployOnDemand` with every value escaped, which the SDK's own functions do not do."""
    wanted: dict[str, Any] = {
        "name": order.name,
        "imageName": order.image,
        "cloudType": sdk.Word("SECURE"),
        "gpuTypeId": order.gpu_id,
        "gpuCount": order.gpu_count,
        "containerDiskInGb": order.disk_gb,
        "volumeInGb": 0,
        "minVcpuCount": 1,
        "minMemoryInGb": 1,
        "ports": ",".join(order.ports),
        "env": [{"key": name, "value": value} for name, value in order.environment.items()],
        "startSsh": False,
        "supportPublicIp": True,
    } | _where(order)
    if order.command:
        wanted["dockerArgs"] = _args(order.command)
    if order.least_cuda:
        wanted["allowedCudaVersions"] = [v for v in _CUDA if _at_least(v, order.least_cuda)]
    if order.ends_at:
        wanted["terminateAfter"] = _utc(order.ends_at)
    return (
        f"mutation {{ podFindAndDeployOnDemand(input: {sdk.literal(wanted)}) "
        "{ id name imageName desiredStatus costPerHr machineId } }"
    )


def _where(order: PodOrder) -> dict[str, Any]:
    where: dict[str, Any] = {}
    if order.region:
        where["dataCenterId"] = order.region
    if order.volume_id:
        where |= {"networkVolumeId": order.volume_id, "volumeMountPath": order.mount_path}
    return where


def _by_graphql(order: PodOrder, key: str) -> Pod:
    made = sdk.ask(mutation(order), key).get("podFindAndDeployOnDemand")
    if not isinstance(made, Mapping) or not made.get("id"):
        raise AnswerLostError(refusals.not_understood())
    return Pod(
        id=str(made["id"]),
        name=order.name,
        status=PodStatus.PROVISIONING,
        cost_per_hour=float(made.get("costPerHr") or 0),
        image=order.image,
        gpu_id=order.gpu_id,
        gpu_count=order.gpu_count,
        region=order.region,
        volume_id=order.volume_id,
        environment=order.environment,
        created_at=datetime.now(UTC),
    )


def _found(name: str, pause: Callable[[float], None], look: Look) -> Pod:
    for seconds in _LOOKS:
        pause(seconds)
        try:
            found = [pod for pod in look() if pod.name == name]
        except RunpodError as error:
            log.info("Looking for the pod %s failed: %s", name, error.message)
            continue
        if found:
            log.info("The pod %s was made after all: %s", name, found[0].id)
            return found[0]
    raise PodMayExistError(name)


def _args(command: Sequence[str]) -> str:
    """Both interfaces take the container's command as JSON in a string."""
    return json.dumps({"cmd": list(command)})


def _utc(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _at_least(version: str, least: str) -> bool:
    return [int(part) for part in version.split(".")] >= [int(part) for part in least.split(".")]
