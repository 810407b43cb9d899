"""Which proxy the containers and builds that this app starts are given: the one the app itself goes through.

What a container gets, `docker inspect` shows to whoever may use the engine, so an address with a name or a
password stays here. See docs/decisions/0032-a-proxy-for-containers.md.
"""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

_SCHEMES: Final = ("http_proxy", "https_proxy")
_EXCEPT: Final = "no_proxy"


@dataclass(frozen=True)
class ContainerProxy:
    """As environment variables, in both spellings: some programs read only one of them."""

    variables: Mapping[str, str] = field(default_factory=dict)
    kept_back: str = ""
    """Why containers do not get one that is set here, as sentences without the address; empty if they do."""

    @property
    def is_set(self) -> bool:
        return bool(self.variables or self.kept_back)


def container_proxy(environment: Mapping[str, str] = os.environ) -> ContainerProxy:
    """By the environment of this process, where the proxy of Settings is, too (`ProcessNetwork`)."""
    found = {name: said for name in _SCHEMES if (said := _said(environment, name))}
    reasons = {name: _unusable(address) for name, address in found.items()}
    kept = " ".join(dict.fromkeys(reason for reason in reasons.values() if reason))
    usable = {name: address for name, address in found.items() if not reasons[name]}
    if usable and (direct := _said(environment, _EXCEPT)):
        usable[_EXCEPT] = direct
    return ContainerProxy({**usable, **{name.upper(): value for name, value in usable.items()}}, kept)


def _said(environment: Mapping[str, str], name: str) -> str:
    return (environment.get(name) or environment.get(name.upper()) or "").strip()


def _unusable(address: str) -> str:
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        has_login, host = "@" in address, parts.hostname or ""
    except ValueError:
        return "The proxy's address cannot be read, so containers do not get it."
    if has_login:
        return (
            "The proxy's address holds a name or a password, which anybody who may use Docker could read "
            "in a container, so containers do not get it."
        )
    if _is_this_computer(host):
        return "The proxy is on this computer's own address, which a container cannot reach."
    return ""


def _is_this_computer(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
