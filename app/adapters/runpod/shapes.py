"""Runpod's JSON as ours, lenient: a pod that costs must not be overlooked for a field that is missing."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from app.adapters.runpod import refusals
from app.domain.runpod_ports import (
    Bill,
    GpuOffer,
    NetworkVolume,
    Pod,
    PodStatus,
    PodTemplate,
    Region,
    Stock,
)

log = logging.getLogger(__name__)
T = TypeVar("T")


def read(shape: Callable[[Mapping[str, Any]], T], answer: Any) -> T:
    """Raises RunpodError where what is needed is missing."""
    try:
        return shape(answer)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        log.warning("Runpod's answer has no shape of ours (%s): %s", shape.__name__, type(error).__name__)
        raise refusals.not_understood() from None


def read_all(shape: Callable[[Mapping[str, Any]], T], answers: Iterable[Any]) -> Sequence[T]:
    return [read(shape, answer) for answer in answers]


def pod(answer: Mapping[str, Any]) -> Pod:
    gpu = answer.get("gpu") or {}
    networks = (answer.get("mounts") or {}).get("network") or [{}]
    return Pod(
        id=str(answer["id"]),
        name=str(answer.get("name") or ""),
        status=_status(answer.get("status")),
        cost_per_hour=float(answer.get("cost") or 0),
        image=str(answer.get("image") or ""),
        gpu_id=str(gpu.get("id") or ""),
        gpu_count=int(gpu.get("count") or 0),
        region=str(answer.get("dataCenterId") or ""),
        volume_id=str(networks[0].get("volumeId") or ""),
        environment={str(key): str(value) for key, value in (answer.get("env") or {}).items()},
        created_at=_time(answer.get("createdAt")),
        started_at=_time(answer.get("startedAt")),
        uptime_seconds=int((answer.get("runtime") or {}).get("uptime") or 0),
    )


def offer(answer: Mapping[str, Any]) -> GpuOffer:
    versions = [entry["version"] for entry in answer.get("cudaVersions") or [] if entry.get("available")]
    return GpuOffer(
        id=answer["id"],
        name=answer["name"],
        memory_gb=int(answer["memory"]),
        price_per_hour=float(answer["price"]["secure"] or 0),
        stock=_stock(answer.get("availability")),
        most_per_pod=int(answer["maxCount"]["secure"]),
        regions={entry["id"]: _stock(entry.get("availability")) for entry in answer.get("dataCenters") or []},
        cuda_versions=tuple(sorted(versions, key=_numbers)),
    )


def region(answer: Mapping[str, Any]) -> Region:
    return Region(answer["id"], answer["name"], has_volumes=bool(answer.get("networkVolumeTypes")))


def volume(answer: Mapping[str, Any]) -> NetworkVolume:
    return NetworkVolume(
        id=str(answer["id"]),
        name=str(answer.get("name") or ""),
        size_gb=int(answer["size"]),
        region=str(answer["dataCenter"]),
        kind=str(answer.get("type") or "STANDARD"),
    )


def template(answer: Mapping[str, Any]) -> PodTemplate:
    return PodTemplate(
        id=str(answer["id"]),
        name=str(answer.get("name") or ""),
        image=str(answer.get("image") or ""),
        disk_gb=int(answer.get("disk") or 0),
        ports=tuple(answer.get("ports") or ()),
        environment=dict(answer.get("env") or {}),
    )


def bill(answer: Mapping[str, Any]) -> Bill:
    return Bill(
        pod_id=str(answer["podId"]),
        amount=float(answer["totalAmount"]),
        begins=datetime.fromisoformat(answer["startTime"]),
        ends=datetime.fromisoformat(answer["endTime"]),
    )


def _status(word: Any) -> PodStatus:
    try:
        return PodStatus(word)
    except ValueError:
        log.warning("Runpod has a new word for a pod's status: %.40r", word)
        return PodStatus.UNKNOWN


def _stock(word: Any) -> Stock:
    """REST says HIGH, GraphQL High."""
    return Stock.__members__.get(str(word).upper(), Stock.NONE)


def _time(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except (TypeError, ValueError):
        return None


def _numbers(version: str) -> tuple[int, ...]:
    """12.11 is above 12.2."""
    return tuple(int(part) for part in version.split(".") if part.isdecimal())
