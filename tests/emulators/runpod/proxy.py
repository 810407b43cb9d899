"""The way from the internet to a pod's http port: 502 until something listens, 524 when it is slow."""

import http.client
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from tests.emulators.runpod.account import Account

_HOP = {"connection", "keep-alive", "transfer-encoding", "host", "content-length", "upgrade", "te", "trailer"}


@dataclass
class Relayed:
    status: int
    headers: list[tuple[str, str]]
    body: Iterator[bytes]
    is_cut: bool = False


class NotThere(Exception):
    """The proxy's own page instead of the pod's answer."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


@contextmanager
def relay(
    account: Account,
    pod_id: str,
    port: int,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    seconds: float,
) -> Any:
    """The pod's answer as it comes. Nothing is checked: whoever knows the address may ask."""
    fault = account.faults.proxy_fault()
    if fault.isdecimal():
        raise NotThere(int(fault))
    pod = account.pods.get(pod_id)
    if pod is None or pod.status != "RUNNING" or f"{port}/http" not in pod.wish.ports:
        raise NotThere(404 if pod is None or pod.is_gone else 502)
    passed = {name: value for name, value in headers.items() if name.lower() not in _HOP}
    with closing(
        http.client.HTTPConnection("127.0.0.1", pod.place.ports[port], timeout=seconds)
    ) as connection:
        try:
            connection.request(method, path, body=body or None, headers=passed)
            answer = connection.getresponse()
        except TimeoutError:
            raise NotThere(524) from None
        except (OSError, http.client.HTTPException):
            raise NotThere(502) from None
        kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in _HOP]
        yield Relayed(answer.status, kept, iter(lambda: answer.read1(65536), b""), is_cut=fault == "cut")
