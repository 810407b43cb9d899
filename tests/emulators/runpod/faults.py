"""What can go wrong at Runpod, by switch."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from threading import Lock


@dataclass
class Fault:
    """The next `times` requests that match `on` ("POST /v2/pods", "GET /v2/*", "POST /graphql") get `what`:

    a status as in "402"; "html 502" for a page of whoever stands before Runpod; "reset"; "hang" until the
    client goes. With `though_done` the request is carried out first, and only its answer is lost.
    """

    on: str
    what: str
    times: int = 1
    though_done: bool = False
    by: str = ""
    """Only of "account" or "pod" keys."""
    retry_after: int = 7


@dataclass
class Faults:
    queue: list[Fault] = field(default_factory=list)
    no_capacity: set[str] = field(default_factory=set)
    """GPU ids, or "GPU@REGION", or "*": a create is refused though the catalogue shows stock."""
    stuck_provisioning: int = 0
    """That many of the next pods never leave PROVISIONING."""
    without_agent: int = 0
    """That many of the next pods are RUNNING and nothing listens in them."""
    vanished: dict[str, int] = field(default_factory=dict)
    """Pod → how many questions about it are answered by 404 though it lives."""
    shows_ended: bool = False
    """Pods that are gone are still told of, as TERMINATED."""
    log_lines: int | None = None
    """A log stream is cut after so many lines."""
    log_forgets: bool = False
    """A cursor is refused (400)."""
    log_is_silent: bool = False
    """Nothing is sent, no headers either."""
    refused_to_pods: set[str] = field(default_factory=set)
    """What a pod's own key may not do with it: "delete", "terminate", "stop", "read"."""
    page_size: int | None = None
    """Lists come in pages."""
    proxy: str = ""
    """"502", "524", or "cut": every call of a pod's port ends so."""
    proxy_times: int | None = None
    """How many of them; None: until it is switched off."""
    offline: bool = False
    """Nothing gets through from the account's computer; pods still reach Runpod."""
    _lock: Lock = field(default_factory=Lock, repr=False)

    def add(self, on: str, what: str, **more: object) -> None:
        with self._lock:
            self.queue.append(Fault(on, what, **more))  # type: ignore[arg-type]

    def next(self, method: str, path: str, by: str) -> Fault | None:
        asked = f"{method} {path}"
        with self._lock:
            for fault in self.queue:
                if fnmatch(asked, fault.on) and fault.by in ("", by):
                    fault.times -= 1
                    if fault.times <= 0:
                        self.queue.remove(fault)
                    return fault
        return None

    def takes(self, name: str) -> bool:
        """One of a counted switch."""
        with self._lock:
            left = getattr(self, name)
            if left:
                setattr(self, name, left - 1)
            return bool(left)

    def is_vanished(self, pod_id: str) -> bool:
        with self._lock:
            if left := self.vanished.get(pod_id, 0):
                self.vanished[pod_id] = left - 1
            return bool(left)

    def proxy_fault(self) -> str:
        with self._lock:
            if not self.proxy or self.proxy_times == 0:
                return ""
            if self.proxy_times is not None:
                self.proxy_times -= 1
            return self.proxy

    def has_no(self, gpu: str, regions: Sequence[str]) -> bool:
        if self.no_capacity & {"*", gpu}:
            return True
        return bool(regions) and all(f"{gpu}@{region}" in self.no_capacity for region in regions)
