"""Where Runpod is, and what we call ourselves there."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

BASE_VARIABLE: Final = "RUNPOD_API_BASE_URL"
"""The SDK's own: it reads it at every call, so that both ways lead to the same place."""
PROXY_VARIABLE: Final = "TUNEWRIGHT_RUNPOD_PROXY"
_BASE: Final = "https://api.runpod.io"
_PROXY: Final = "https://{pod}-{port}.proxy.runpod.net"
AGENT: Final = "tunewright/0.1"
"""Cloudflare, in front of Runpod, refuses what calls itself like a library."""


@dataclass(frozen=True)
class Places:
    base: str = _BASE
    proxy: str = _PROXY
    """With {pod} and {port}."""

    @property
    def rest(self) -> str:
        return f"{self.base}/v2"

    def pod(self, pod_id: str, port: int) -> str:
        return self.proxy.replace("{pod}", pod_id).replace("{port}", str(port))


def places(environment: Mapping[str, str] = os.environ) -> Places:
    """Looked up anew at each call, as the SDK does. A proxy of one's own follows a base of one's own."""
    base = (environment.get(BASE_VARIABLE) or _BASE).rstrip("/")
    proxy = environment.get(PROXY_VARIABLE) or (
        _PROXY if base == _BASE else f"{base}/__proxy/{{pod}}/{{port}}"
    )
    return Places(base, proxy.rstrip("/"))
