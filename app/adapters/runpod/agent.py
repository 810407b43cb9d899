"""What is said to the agent in a pod, and what it answers. The wire: docs/decisions/0023-the-pods-agent.md

Every call may be repeated: the agent does nothing twice. Nothing of a request is logged but its method and
path; the token is in a header only.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from app.adapters.runpod.places import AGENT
from app.domain.errors import TargetError

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

_CONNECT_SECONDS: Final = 15.0
_ANSWER_SECONDS: Final = 90.0
"""A proxy before the pod gives up after 100."""
_PAUSES: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
_MOST_FAILURES: Final = 10
_FOR_NOW: Final = frozenset(
    {"busy", "gap", "bad_part", "bad_file", "not_running", "not_ended", "gone", "changed"}
)
"""Refusals that another moment, or the same once more, may turn into a yes."""


class PodUnreachableError(TargetError):
    """No answer, or one of a proxy before the pod. What was asked for may have happened."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The pod does not answer ({why}).", "Tunewright goes on trying; the run is not affected."
        )


class PodRefusedError(TargetError):
    """The agent's own no; `word` is its kind, `more` what it says beside."""

    def __init__(self, status: int, answer: Mapping[str, Any]) -> None:
        self.status = status
        self.word = str(answer.get("error", ""))
        self.more = answer
        self.is_final = self.word not in _FOR_NOW
        super().__init__(f"The pod refused: {answer.get('message', status)}", _hint(self.word))


@dataclass(frozen=True)
class Health:
    """What the pod says of itself; moments in seconds since the epoch, by the pod's clock."""

    run_id: str
    pod_id: str
    boots: int
    phase: str
    attempt: int | None
    exit_code: int | None
    outcome: str | None
    message: str
    last_event: int
    epoch: str
    can_self_terminate: bool | None
    why_not: str
    ends_at: float | None
    ends_because: str
    ending: str
    free_bytes: int | None
    time: float

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Self:
        known: dict[str, Any] = {name: answer.get(name) for name in cls.__dataclass_fields__}
        return cls(**known)


class PodAgent:
    """One pod's agent at `base_url`. `pause` waits between two tries. Close it, or use it with `with`."""

    def __init__(self, base_url: str, token: str, *, pause: Callable[[float], object] = time.sleep) -> None:
        import httpx  # noqa: PLC0415 not at every start

        self._pause = pause
        self._http = httpx.Client(
            base_url=base_url.rstrip("/"),
            headers={"Authorization": f"Bearer {token}", "User-Agent": AGENT},
            timeout=httpx.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS),
            follow_redirects=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def health(self, *, patient: bool = False) -> Health:
        """Raises PodUnreachableError at once, unless `patient`."""
        return Health.of(self.ask("GET", "/v1/health", patient=patient).json())

    def start(
        self,
        attempt: int,
        config: Mapping[str, Any],
        *,
        resume: bool = False,
        extend: bool = False,
        resume_from: str = "",
        secrets: Mapping[str, str],
    ) -> str:
        """Begin the attempt, or find that it was begun; the phase. Secrets go in the body only."""
        body = {
            "attempt": attempt,
            "config": dict(config),
            "resume": resume,
            "extend": extend,
            "resume_from": resume_from,
            "secrets": dict(secrets),
        }
        return self._phase("/v1/start", body)

    def stop(self, *, save: bool) -> str:
        """Tell the training to leave, and do not wait for it; the phase."""
        return self._phase("/v1/stop", {"save": save})

    def ask_for(self, what: str) -> str:
        """`save`, `sample` or `finish`. Raises PodRefusedError if nothing trains."""
        return self._phase("/v1/ask", {"what": what})

    def lease(self, seconds: float | None) -> str:
        """Promise to be back within so long, or take the promise back."""
        return self._phase("/v1/lease", {"seconds": seconds})

    def retrieved(self) -> str:
        """All is here. Raises PodRefusedError before the end."""
        return self._phase("/v1/retrieved", {})

    def ask(
        self,
        method: str,
        path: str,
        *,
        patient: bool = True,
        query: Mapping[str, str | int] | None = None,
        body: bytes | Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> "httpx.Response":
        """Ask, `patient`: several times. Raises PodUnreachableError, PodRefusedError."""
        for pause in _PAUSES if patient else ():
            try:
                return self._once(method, path, query, body, headers)
            except PodUnreachableError:
                self._pause(pause)
        return self._once(method, path, query, body, headers)

    def rest(self, failures: int) -> None:
        """Wait before the next try, longer each time. Raises PodUnreachableError after many."""
        if failures > _MOST_FAILURES:
            raise PodUnreachableError("the connection breaks off each time")
        self._pause(_PAUSES[min(failures, len(_PAUSES)) - 1])

    def _phase(self, path: str, body: Mapping[str, Any]) -> str:
        return str(self.ask("POST", path, body=body).json()["phase"])

    def _once(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int] | None,
        body: bytes | Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
    ) -> "httpx.Response":
        import httpx  # noqa: PLC0415

        content = {"content": body} if isinstance(body, bytes) else {"json": body}
        try:
            response = self._http.request(method, path, params=query, headers=headers, **content)
        except httpx.HTTPError as error:
            log.info("%s %s: %s", method, path, type(error).__name__)
            raise PodUnreachableError("no connection") from None
        return _checked(response, method, path)


def _checked(response: "httpx.Response", method: str, path: str) -> "httpx.Response":
    """Whatever is neither the agent's yes nor the agent's no came from somebody in between."""
    if response.status_code in {200, 206} and response.headers.get("Tunewright-Pod"):
        return response
    try:
        answer = response.json()
    except ValueError:
        answer = None
    log.info("%s %s: code %d", method, path, response.status_code)
    if response.headers.get("Tunewright-Pod") and isinstance(answer, dict) and response.status_code != 500:
        raise PodRefusedError(response.status_code, answer)
    raise PodUnreachableError(f"code {response.status_code}")


def _hint(word: str) -> str:
    return {
        "unauthorized": "This pod belongs to another run, or to another computer's Tunewright.",
        "disk_full": "Choose a larger disk or volume and start again.",
        "bad_settings": "Delete the pod and start again.",
    }.get(word, "")
