"""REST v2: what each path does, and who may ask for it."""

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.emulators.runpod import contract
from tests.emulators.runpod.account import Account, Refused
from tests.emulators.runpod.clock import written
from tests.emulators.runpod.pods import ACTIONS, Pod, Wish


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    key: str


Answer = tuple[int, Any]
_ROUTES: "list[tuple[str, re.Pattern[str], str, Callable[..., Answer]]]" = []
LONGEST_BODY = 102_400


def route(method: str, path: str) -> Callable[[Callable[..., Answer]], Callable[..., Answer]]:
    pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path) + "$")

    def keep(function: Callable[..., Answer]) -> Callable[..., Answer]:
        _ROUTES.append((method, pattern, path, function))
        return function

    return keep


def answer(account: Account, asked: Asked) -> tuple[int, Any, str]:
    """Status, body, and the path as the schema names it."""
    known = False
    for method, pattern, path, function in _ROUTES:
        if found := pattern.match(asked.path):
            known = True
            if method == asked.method:
                return (*_carried_out(account, asked, path, function, found.groupdict()), path)
    raise (
        Refused(405, "The requested method is not allowed for this path.")
        if known
        else Refused(404, "not found")
    )


def _carried_out(
    account: Account, asked: Asked, path: str, function: Callable[..., Answer], parts: dict[str, str]
) -> Answer:
    pod = authorised(account, asked.key)
    if pod is not None:
        _of_its_own(account, pod, asked, parts.get("id", ""))
    elif asked.method != "GET" and asked.key == account.reading_key:
        raise Refused(403, "access denied")
    has_body = asked.method in ("POST", "PATCH")
    if has_body and (wrong := contract.wrong_with_request(path, asked.method, asked.body)):
        raise Refused(422, "Request validation failed.", wrong)
    return function(account, asked, **parts)


def authorised(account: Account, key: str) -> Pod | None:
    """The pod whose own key it is; None for the account's."""
    if not key:
        raise Refused(401, "missing bearer token")
    if secrets.compare_digest(key, account.key) or secrets.compare_digest(key, account.reading_key):
        return None
    for pod in account.living:
        if secrets.compare_digest(key, pod.key):
            return pod
    raise Refused(401, "invalid token")


def _of_its_own(account: Account, pod: Pod, asked: Asked, pod_id: str) -> None:
    """A pod's key knows that pod and nothing else."""
    if not asked.path.startswith("/v2/pods/") or pod_id != pod.id:
        raise Refused(403, "access denied")
    action = asked.body.get("action") if isinstance(asked.body, dict) else None
    wanted = {"GET": "read", "DELETE": "delete", "POST": str(action)}.get(asked.method, "change")
    if wanted in account.faults.refused_to_pods or wanted == "change":
        raise Refused(403, "access denied")


def _listed(account: Account, asked: Asked, name: str, items: list[Any]) -> Answer:
    """In one piece, as the schema has it; in pages where that is switched on."""
    size = account.faults.page_size
    if size is None:
        return 200, {name: items}
    size = min(size, int(asked.query.get("limit", size)))
    first = int(asked.query.get("cursor", "0"))
    more = first + size < len(items)
    page = {"hasNextPage": more, "nextCursor": str(first + size) if more else None}
    return 200, {name: items[first : first + size], "pagination": page}


@route("GET", "/v2/pods")
def list_pods(account: Account, asked: Asked) -> Answer:
    there = list(account.pods.values()) if account.faults.shows_ended else account.living
    seen = [pod for pod in there if not account.faults.is_vanished(pod.id)]
    return _listed(account, asked, "pods", [pod.json() for pod in seen])


@route("POST", "/v2/pods")
def create_pod(account: Account, asked: Asked) -> Answer:
    body = asked.body
    if "templateId" in body:
        body = _with_template(account, body)
    if ("gpu" in body) == ("cpu" in body):
        raise Refused(422, "Request validation failed.", ["$: exactly one of 'gpu' and 'cpu' is required"])
    if "cpu" in body:
        raise Refused(400, "the emulator has no CPU pods")
    if len(body.get("env", {})) > 50:
        raise Refused(400, "too many environment variables")
    network = (body.get("mounts", {}).get("network") or [{}])[0]
    return 201, account.rent(
        Wish(
            name=body["name"],
            image=body["image"],
            gpu=body["gpu"]["id"],
            count=body["gpu"].get("count", 1),
            regions=body.get("dataCenterIds", []),
            volume_id=network.get("volumeId", ""),
            mount_path=network.get("path", "/workspace"),
            persistent=body.get("mounts", {}).get("persistent", {}).get("size", 0),
            disk=body.get("disk", 50),
            ports=body.get("ports", []),
            env=body.get("env", {}),
            args=body.get("args", ""),
            cloud=body.get("cloud", "SECURE"),
        )
    ).json()


def _with_template(account: Account, body: dict[str, Any]) -> dict[str, Any]:
    template = account.templates.get(body["templateId"])
    if template is None:
        raise Refused(404, "template not found")
    if template["serverless"]:
        raise Refused(422, "template is serverless")
    taken = {name: template[name] for name in ("image", "args", "disk", "ports")}
    return taken | body | {"env": template["env"] | body.get("env", {})}


@route("GET", "/v2/pods/{id}")
def get_pod(account: Account, asked: Asked, id: str) -> Answer:
    if account.faults.is_vanished(id):
        raise Refused(404, "pod not found")
    if account.faults.shows_ended and id in account.pods:
        return 200, account.pods[id].json()
    return 200, account.pod(id).json()


@route("DELETE", "/v2/pods/{id}")
def delete_pod(account: Account, asked: Asked, id: str) -> Answer:
    pod = account.pod(id)
    pod.terminate("itself" if asked.key == pod.key else "account")
    return 204, None


@route("POST", "/v2/pods/{id}/action")
def act(account: Account, asked: Asked, id: str) -> Answer:
    pod, action = account.pod(id), asked.body["action"]
    if action not in ACTIONS[pod.status]:
        raise Refused(409, f"cannot {action} a pod that is {pod.status}")
    if action == "start" and account.faults.has_no(pod.wish.gpu, [pod.region]):
        raise Refused(400, "There are not enough free GPUs on the host machine to start this pod.")
    if action == "terminate":
        pod.terminate("itself" if asked.key == pod.key else "account")
        return 204, None
    {"stop": pod.stop, "start": pod.start, "restart": pod.restart}[action]()
    return 200, pod.json()


@route("GET", "/v2/network-volumes")
def list_volumes(account: Account, asked: Asked) -> Answer:
    return _listed(account, asked, "networkVolumes", [volume.json() for volume in account.volumes.values()])


@route("POST", "/v2/network-volumes")
def create_volume(account: Account, asked: Asked) -> Answer:
    body = asked.body
    volume = account.create_volume(
        body["name"], body["size"], body["dataCenter"], body.get("type", "STANDARD")
    )
    return 201, volume.json()


@route("GET", "/v2/network-volumes/{id}")
def get_volume(account: Account, asked: Asked, id: str) -> Answer:
    return 200, _volume(account, id).json()


@route("PATCH", "/v2/network-volumes/{id}")
def change_volume(account: Account, asked: Asked, id: str) -> Answer:
    volume = _volume(account, id)
    if asked.body.get("size", volume.size) < volume.size:
        raise Refused(400, "network volumes can only grow")
    volume.size = asked.body.get("size", volume.size)
    volume.name = asked.body.get("name", volume.name)
    return 200, volume.json()


@route("DELETE", "/v2/network-volumes/{id}")
def delete_volume(account: Account, asked: Asked, id: str) -> Answer:
    account.delete_volume(id)
    return 204, None


def _volume(account: Account, volume_id: str) -> Any:
    if volume_id not in account.volumes:
        raise Refused(404, "network volume not found")
    return account.volumes[volume_id]


@route("GET", "/v2/templates")
def list_templates(account: Account, asked: Asked) -> Answer:
    return _listed(account, asked, "templates", list(account.templates.values()))


@route("POST", "/v2/templates")
def create_template(account: Account, asked: Asked) -> Answer:
    if any(template["name"] == asked.body["name"] for template in account.templates.values()):
        raise Refused(400, "Template name must be unique.")
    defaults = {
        "args": "", "disk": 50, "mounts": {}, "ports": [], "env": {}, "registry": None, "serverless": False,
        "public": False, "category": "NVIDIA", "startSsh": True, "startJupyter": True,
        "allowedCudaVersions": [],
    }  # fmt: skip
    template = defaults | asked.body | {"id": secrets.token_hex(5)}
    account.templates[template["id"]] = template
    return 201, template


@route("GET", "/v2/templates/{id}")
def get_template(account: Account, asked: Asked, id: str) -> Answer:
    if id not in account.templates:
        raise Refused(404, "template not found")
    return 200, account.templates[id]


@route("DELETE", "/v2/templates/{id}")
def delete_template(account: Account, asked: Asked, id: str) -> Answer:
    if account.templates.pop(id, None) is None:
        raise Refused(404, "template not found")
    return 204, None


@route("GET", "/v2/catalog/gpus")
def list_gpus(account: Account, asked: Asked) -> Answer:
    with_stock = asked.query.get("include") == "AVAILABILITY"
    if with_stock != ("product" in asked.query):
        raise Refused(400, "product is required with include=AVAILABILITY, and valid only with it")
    least = asked.query.get("minCudaVersion", "")
    found = [
        _gpu(account, gpu, with_stock, least, int(asked.query.get("count", 1)))
        for gpu in account.gpus.values()
    ]
    return _listed(account, asked, "gpus", found)


def _gpu(account: Account, gpu: Any, with_stock: bool, least: str, count: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": gpu.id, "name": gpu.name, "pool": None, "manufacturer": gpu.manufacturer, "memory": gpu.memory,
        "secure": gpu.secure > 0, "community": gpu.community > 0,
        "price": {"secure": gpu.secure, "community": gpu.community},
        "maxCount": {"secure": gpu.most if gpu.secure else 0, "community": gpu.most if gpu.community else 0},
    }  # fmt: skip
    if not with_stock:
        return found
    versions = [version for version in gpu.cuda if not least or _numbers(version) >= _numbers(least)]
    is_there = bool(versions) or not gpu.cuda
    stock = gpu.stock if is_there and count <= gpu.most else {}
    best = max(stock.values(), key=["LOW", "MEDIUM", "HIGH"].index, default="NONE")
    found["availability"] = best
    if stock:
        names = account.regions
        found["dataCenters"] = [{"id": r, "name": names[r].name, "availability": s} for r, s in stock.items()]
    if gpu.cuda:
        found["cudaVersions"] = [{"version": version, "available": bool(stock)} for version in versions]
    return found


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


@route("GET", "/v2/catalog/datacenters")
def list_regions(account: Account, asked: Asked) -> Answer:
    found = [
        {
            "id": region.id, "name": region.name, "region": region.continent, "compliance": [],
            "globalNetwork": True, "networkVolumeTypes": ["STANDARD"] if region.volumes else [],
        }
        for region in account.regions.values()
    ]  # fmt: skip
    return _listed(account, asked, "dataCenters", found)


@route("GET", "/v2/billing/pods")
def bill_pods(account: Account, asked: Asked) -> Answer:
    now = account.clock.now()
    size = {"hour": timedelta(hours=1), "day": timedelta(days=1)}[asked.query.get("bucketSize", "day")]
    begins = datetime.fromisoformat(asked.query.get("startTime") or written(now - timedelta(days=30)))
    begins = begins.replace(minute=0, second=0, microsecond=0)
    wanted = [pod for pod in account.pods.values() if asked.query.get("podId") in (None, pod.id)]
    records = [
        {"startTime": written(hour), "endTime": written(hour + size), "podId": pod.id} | _amounts(amount)
        for hour in _buckets(begins, now, size)
        for pod in wanted
        if (amount := pod.spent(hour, min(hour + size, now)))
    ]
    query = {
        "startTime": written(begins),
        "endTime": written(now),
        "bucketSize": asked.query.get("bucketSize", "day"),
    }
    whole = _amounts(sum(record["totalAmount"] for record in records))
    counts = {"recordCount": len(records), "uniquePodCount": len({record["podId"] for record in records})}
    return 200, {"records": records, "metadata": {"query": query, "totals": whole, **counts}}


def _buckets(begins: datetime, ends: datetime, size: timedelta) -> list[datetime]:
    return [begins + number * size for number in range(1 + int((ends - begins) / size))]


def _amounts(total: float) -> dict[str, float]:
    return {"totalAmount": total, "gpuAmount": total, "cpuAmount": 0.0, "diskAmount": 0.0}
