"""Faults and time by HTTP, for another process: GET /__control shows all, POST changes one thing.

{"do": "fault", "on": "POST /v2/pods", "what": "500", "though_done": true}
{"do": "switch", "name": "no_capacity", "value": ["NVIDIA L4"]}     every field of `Faults`
{"do": "advance", "seconds": 3600}
{"do": "lose", "pod": ID}              the host takes the pod away
{"do": "kill", "pod": ID}              everything in its container dies, and it is begun again
{"do": "stock", "gpu": ID, "regions": {"EU-RO-1": "HIGH"}}
{"do": "credit", "dollars": 0.5}
"""

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.emulators.runpod.server import RunpodEmulator


def answer(emulator: "RunpodEmulator", method: str, body: bytes) -> tuple[int, Any]:
    if method == "POST":
        told = json.loads(body)
        try:
            _do(emulator, told.pop("do"), told)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            return 400, {"title": "Bad Request", "status": 400, "detail": f"{type(error).__name__}: {error}"}
    return 200, seen(emulator)


def seen(emulator: "RunpodEmulator") -> dict[str, Any]:
    account = emulator.account
    return {
        "key": account.key,
        "now": account.clock.now().isoformat(),
        "balance": account.balance,
        "spent": account.spent,
        "pods": [
            {
                "id": pod.id, "name": pod.wish.name, "status": pod.status, "starts": pod.starts,
                "spent": pod.spent(),
                "ended_by": pod.ended_by,
                "ports": {str(port): here for port, here in pod.place.ports.items()},
                "terminate_after": pod.wish.terminate_after and pod.wish.terminate_after.isoformat(),
            }
            for pod in list(account.pods.values())
        ],
        "volumes": [volume.json() | {"folder": str(volume.folder)} for volume in account.volumes.values()],
        "faults": {
            name: sorted(value) if isinstance(value, set) else value
            for name, value in vars(account.faults).items()
            if not name.startswith("_") and name != "queue"
        },
        "queued_faults": [vars(fault) for fault in account.faults.queue],
    }  # fmt: skip


def _do(emulator: "RunpodEmulator", what: str, told: dict[str, Any]) -> None:
    account = emulator.account
    match what:
        case "fault":
            account.faults.add(**told)
        case "switch":
            before = getattr(account.faults, told["name"])
            value = set(told["value"]) if isinstance(before, set) else told["value"]
            setattr(account.faults, told["name"], value)
        case "advance":
            account.clock.advance(told["seconds"])
        case "lose":
            account.lose(told["pod"])
        case "kill":
            account.pods[told["pod"]].kill_container()
        case "stock":
            account.gpus[told["gpu"]].stock = told["regions"]
        case "credit":
            account.deposit = account.spent + told["dollars"]
        case _:
            raise ValueError(f"there is no {what!r}")
