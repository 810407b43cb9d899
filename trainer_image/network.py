"""Offline: what says that this process must not use the network, and the guard that holds it to that.

The guard sits below every library written in Python: the interpreter itself tells it of each name that is
looked up and each address that is connected or sent to, and it lets only this computer's own pass. Libraries
that open connections in their own native code are told by the environment instead, as are child processes.
Imports the standard library only: the app, its child processes and the trainer all use it.
"""

import ipaddress
import os
import socket
import sys
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

VARIABLE: Final = "TUNEWRIGHT_OFFLINE"
_HUB_VARIABLES: Final = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")
_PROXIES: Final = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
"""A proxy on this computer would be let through, and would then carry what must not leave it."""
_YES: Final = {"1", "true", "yes", "on"}
_NO: Final = {"0", "false", "no", "off"}
_MOST_REMEMBERED: Final = 50

OFFLINE_ENVIRONMENT: Final[Mapping[str, str]] = {
    **dict.fromkeys((VARIABLE, *_HUB_VARIABLES), "1"),
    "WANDB_MODE": "offline",
}
"""What tells a child process, its libraries and their children; `without_proxies` goes with it."""

NO_TELEMETRY: Final[Mapping[str, str]] = {
    "DO_NOT_TRACK": "true",  # MLflow 3.17 knows no other yes
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "WANDB_ERROR_REPORTING": "false",
    "GRADIO_ANALYTICS_ENABLED": "False",  # Trackio's pages
    "UNSLOTH_DISABLE_STATISTICS": "1",
}
"""What keeps libraries from reporting to their makers. They look when they are imported, some before that."""


class RefusedError(ConnectionRefusedError):
    """Something wanted to connect off this computer while that must not be."""


class NameRefusedError(socket.gaierror):
    """Something wanted to look up a name in the network while that must not be."""


@dataclass(frozen=True)
class Verdict:
    """What the environment says about the network, and by which variable."""

    offline: bool
    variable: str


def said_by(environment: Mapping[str, str]) -> Verdict | None:
    """None if it leaves the choice to the person. A library that is told to stay offline decides, too."""
    for name in (VARIABLE, *_HUB_VARIABLES):
        if environment.get(name, "").strip().lower() in _YES:
            return Verdict(offline=True, variable=name)
    return Verdict(False, VARIABLE) if environment.get(VARIABLE, "").strip().lower() in _NO else None


def said_by_environment() -> Verdict | None:
    """What the environment said when this process was started: what the guard put there does not count."""
    return said_by({**os.environ, **{k: v or "" for k, v in _guard.before.items()}})


def reason() -> str:
    """Why this process must not use the network, as a sentence; empty if it may."""
    if _guard.reason:
        return _guard.reason
    verdict = said_by(os.environ)
    return because_of(verdict.variable) if verdict and verdict.offline else ""


def reason_of_guard() -> str:
    """Why the guard is closed; empty while it is open."""
    return _guard.reason


def because_of(variable: str) -> str:
    return f"Offline mode is on: the environment variable {variable} is set."


def close(why: str) -> None:
    """From now on nothing of this process reaches further than this computer. `why` is a sentence."""
    _guard.close(why)


def open_again() -> None:
    """The network may be used again, with the environment as it was."""
    _guard.open()


def obey_environment() -> None:
    """For the first line of a program: close if the environment says so. Never let libraries report home."""
    os.environ.update(NO_TELEMETRY)
    verdict = said_by(os.environ)
    if verdict and verdict.offline:
        close(because_of(verdict.variable))


def refused() -> list[str]:
    """What was refused so far in this process, the newest last: "connect 192.0.2.1", "look up a.example"."""
    return list(_guard.refused)


def without_proxies(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name not in _PROXIES}


class _Guard:
    """The one of this process: the interpreter keeps a hook for ever, so it is set once and asked."""

    def __init__(self) -> None:
        self.reason = ""
        self.before: dict[str, str | None] = {}
        """Environment variable that was changed → its value before."""
        self.refused: deque[str] = deque(maxlen=_MOST_REMEMBERED)
        self._is_set = False

    def close(self, why: str) -> None:
        self.reason = why
        if not self._is_set:
            sys.addaudithook(self.hear)
            self._is_set = True
        for name in _PROXIES:
            self._put(name, None)
        for name, value in OFFLINE_ENVIRONMENT.items():
            self._put(name, value)
        _tell_loaded_libraries(offline=True)

    def open(self) -> None:
        if not self.reason:
            return
        self.reason = ""
        for name, value in self.before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        self.before.clear()
        verdict = said_by(os.environ)
        _tell_loaded_libraries(offline=bool(verdict and verdict.offline))

    def hear(self, event: str, args: tuple[Any, ...]) -> None:
        """Raises to refuse: what is asked for then never happens."""
        if not self.reason or not event.startswith("socket."):
            return
        if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            its_socket, address = args[0], args[1]
            if its_socket.family not in (socket.AF_INET, socket.AF_INET6) or not isinstance(address, tuple):
                return  # a socket of this computer, or one that is connected already
            if not is_here(address[0]):
                self.refused.append(f"connect {address[0]}")
                raise RefusedError(f"{self.reason} Nothing was sent to {address[0]}.")
        elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
            self._refuse_name(args[0])

    def _refuse_name(self, name: object) -> None:
        if not is_here(name):
            self.refused.append(f"look up {name}")
            raise NameRefusedError(socket.EAI_NONAME, f"{self.reason} {name} was not looked up.")

    def _put(self, name: str, value: str | None) -> None:
        self.before.setdefault(name, os.environ.get(name))
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def is_here(host: object) -> bool:
    """Whether a host is this computer itself, told without asking anybody."""
    if isinstance(host, (bytes, bytearray)):
        host = host.decode("ascii", "replace")
    if host is None or host in ("", "localhost"):
        return True
    with suppress(ValueError):
        address = ipaddress.ip_address(str(host).partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        return address.is_loopback or address.is_unspecified
    return False


def _tell_loaded_libraries(*, offline: bool) -> None:
    """They look at the environment once, when they are imported."""
    for module, names in (
        ("huggingface_hub.constants", ("HF_HUB_OFFLINE",)),
        ("datasets.config", ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")),
    ):
        loaded = sys.modules.get(module)
        for name in names:
            if hasattr(loaded, name):
                setattr(loaded, name, offline)


_guard: Final = _Guard()
