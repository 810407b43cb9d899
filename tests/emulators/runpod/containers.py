"""What runs in a pod: a real process of this computer, in its own session, ended with all that it started.

A container sees /workspace; a process here sees a folder. So the mount path is replaced in the environment
and the command, and an `Image` may have {port:8080}, {volume}, {python} and {pod}.
"""

import ctypes
import os
import random
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import psutil

_ANY = random.SystemRandom()
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Image:
    """What an image runs where the pod names no command of its own."""

    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    """Comes with the image, and wins over the pod's: where it must see this computer's paths and ports."""
    engine_image: str = ""
    """A real image: the pod is a container of the Docker engine instead of a process."""
    mounts: Sequence[Any] = ()
    """Of such a container, beside the pod's volume."""


@dataclass
class Place:
    """Where a pod's paths and ports are on this computer."""

    pod_id: str
    mount_path: str
    volume: Path
    scratch: Path
    ports: dict[int, int]
    """Of the pod → of this computer."""
    has_paths_of_its_own: bool = False
    """It is a real container."""

    def told(self, text: str) -> str:
        text = re.sub(r"\{port:(\d+)\}", lambda found: str(self.ports[int(found[1])]), text)
        volume = self.mount_path if self.has_paths_of_its_own else self.volume
        for name, value in (("volume", volume), ("python", sys.executable), ("pod", self.pod_id)):
            text = text.replace(f"{{{name}}}", str(value))
        return text

    def mapped(self, text: str) -> str:
        """Paths below the mount path are below the volume's folder."""
        if self.has_paths_of_its_own:
            return text
        if text == self.mount_path or text.startswith(self.mount_path + "/"):
            return str(self.volume) + text[len(self.mount_path) :]
        return text


class Container:
    """One start of one command. `say` gets its lines."""

    def __init__(
        self, argv: Sequence[str], env: Mapping[str, str], place: Place, say: Callable[[str], None]
    ) -> None:
        place.scratch.mkdir(parents=True, exist_ok=True)
        self._pod_id = place.pod_id
        self.process = subprocess.Popen(
            list(argv),
            cwd=place.scratch,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_end_with_the_emulator if _LIBC else None,  # noqa: PLW1509 - one call into C
        )
        self._reader = Thread(target=self._read, args=(say,), daemon=True)
        self._reader.start()

    def wait(self) -> int:
        """Its exit code; with the first process of a container all of it ends."""
        code = self.process.wait()
        self.kill()
        self._reader.join(10)
        return code

    def kill(self) -> None:
        """Everything in it, also what made a session of its own."""
        while left := list(self._inhabitants()):
            for process in left:
                try:
                    process.kill()
                except psutil.NoSuchProcess:
                    continue
            psutil.wait_procs(left, timeout=5)

    def _inhabitants(self) -> "list[psutil.Process]":
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("RUNPOD_POD_ID") != self._pod_id:
                    continue
                if process.status() != psutil.STATUS_ZOMBIE and process.pid != os.getpid():
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def _read(self, say: Callable[[str], None]) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            say(line.decode(errors="replace").rstrip("\r\n"))
        self.process.stdout.close()


def free_port() -> int:
    """One that stays free until a pod listens there, perhaps much later: none that the system hands out
    to whoever connects, and none of a sequence that a trainer's seed has set: another process of the tests,
    seeded alike, would take the same, and its pod answer in place of one that is gone."""
    while True:
        port = _ANY.randrange(10_000, 32_000)
        with socket.socket() as its, suppress(OSError):
            its.bind(("127.0.0.1", port))
            return port


def _end_with_the_emulator() -> None:
    """Even if that is killed: nobody else knows of this process."""
    assert _LIBC
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
