"""The platform's API as far as this pod needs it: to look at itself, and to end itself."""

import http.client
import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from trainer_image.pod.settings import Settings

_TIMEOUT_SECONDS: Final = 20
STORAGE_STILL_BILLED: Final = "Stopped, storage still billed."


@dataclass(frozen=True)
class Look:
    """What the pod could see of itself."""

    ok: bool
    why_not: str = ""
    price_per_hour: float | None = None
    created_at: float | None = None
    """When the pod was rented, which is before it was first booted."""


class Platform:
    def __init__(self, settings: Settings, run: Callable[[list[str]], bool]) -> None:
        """`run` tries a program and says whether it was there and succeeded."""
        self._pod = f"{settings.api_url}/v2/pods/{settings.pod_id}"
        self._key = settings.api_key
        self._pod_id = settings.pod_id
        self._run = run

    def look(self) -> Look:
        if not self._key or not self._pod_id:
            return Look(False, "The platform gave this pod no key of its own.")
        status, answer = self._ask("GET", self._pod)
        if status != 200:
            return Look(False, f"The platform's API answered {status} to this pod's own key.")
        cost = answer.get("cost")
        price = float(cost) if isinstance(cost, int | float) and cost > 0 else None
        return Look(True, price_per_hour=price, created_at=_moment(answer.get("createdAt")))

    def end(self) -> Iterator[str]:
        """Try each way until one is accepted; a sentence on each."""
        if not self._key or not self._pod_id:
            yield "The platform gave this pod no key, so that it cannot end itself."
            return
        for name in ("Delete", "Terminate", "Stop"):
            status, _ = self._ask("DELETE", self._pod) if name == "Delete" else self._act(name.lower())
            if 200 <= status < 300:
                yield STORAGE_STILL_BILLED if name == "Stop" else f"{name} was accepted."
                if name != "Stop":
                    return
                break
            yield f"{name} was answered with {status or 'nothing'}."
        yield from self._by_program()

    def _by_program(self) -> Iterator[str]:
        for command in (["pod", "delete", self._pod_id], ["remove", "pod", self._pod_id]):
            program = shutil.which("runpodctl")
            if program and self._run([program, *command]):
                yield "runpodctl was accepted."
                return

    def _act(self, action: str) -> tuple[int, dict[str, Any]]:
        return self._ask("POST", f"{self._pod}/action", {"action": action})

    def _ask(self, method: str, url: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """Status and answer; 0 if there was none."""
        request = urllib.request.Request(  # noqa: S310 the platform's own address
            url,
            method=method,
            data=json.dumps(body).encode() if body else None,
            headers={
                "Authorization": f"Bearer {self._key}",
                "Content-Type": "application/json",
                "User-Agent": "Tunewright-pod/1",  # Cloudflare refuses Python's own name
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310
                return answer.status, _object(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, {}
        except (OSError, ValueError, http.client.HTTPException):
            return 0, {}


def _moment(text: object) -> float | None:
    with suppress(ValueError, TypeError):
        moment = datetime.fromisoformat(str(text))
        return moment.timestamp() if moment.tzinfo else None
    return None


def _object(content: bytes) -> dict[str, Any]:
    with suppress(ValueError):
        answer = json.loads(content)
        if isinstance(answer, dict):
            return answer
    return {}
