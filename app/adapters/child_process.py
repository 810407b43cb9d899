"""A process of ours that is spoken to by lines over its two pipes; what else it says goes to a log file."""

import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from trainer_image import network

_BELOW_NORMAL: Final = getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0)
"""There is such a class on Windows only."""

TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")


class ProcessEndedError(Exception):
    """The process is gone: its pipe was closed."""


class ChildProcess:
    """`send` may be called by several threads, `receive` by one, `kill` and `end` by any."""

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str],
        *,
        log_limit_bytes: int,
        gives_way: bool = False,
    ) -> None:
        """Start it; a log that has grown too large begins anew. Raises OSError if it cannot be started.

        `gives_way` has it run below what else runs on Windows; elsewhere a process does that itself.
        """
        self._sending = threading.Lock()
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists() and log.stat().st_size > log_limit_bytes:
            log.unlink()
        with log.open("ab") as stderr:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=environment,
                start_new_session=True,  # Ctrl-C in the terminal is for the app
                creationflags=_BELOW_NORMAL if gives_way else 0,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def send(self, line: bytes) -> None:
        """Raises ProcessEndedError."""
        assert self._process.stdin is not None
        try:
            with self._sending:
                self._process.stdin.write(line)
                self._process.stdin.flush()
        except (OSError, ValueError) as error:
            raise ProcessEndedError from error

    def receive(self) -> bytes:
        """The next line, waiting for it. Raises ProcessEndedError."""
        assert self._process.stdout is not None
        try:
            line = self._process.stdout.readline()
        except ValueError as error:  # `end` closed it
            raise ProcessEndedError from error
        if not line.endswith(b"\n"):
            raise ProcessEndedError
        return line

    def kill(self) -> None:
        """End the process now; a `receive` under way raises."""
        self._process.kill()

    def end(self) -> None:
        """End the process and wait until it is gone."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(OSError):
                pipe.close()

    def code(self, *, within_seconds: float) -> int | None:
        """With what it ended; None if it does not end by then."""
        try:
            return self._process.wait(timeout=within_seconds)
        except subprocess.TimeoutExpired:
            return None


def child_environment(*, offline: bool, token: str | None) -> Mapping[str, str]:
    """This process's environment for a child of ours, with the token only if one is given.

    An offline one holds itself to it by the guard of `trainer_image.network`, which its entry point asks.
    """
    env = {key: value for key, value in os.environ.items() if key not in TOKENS}
    root = str(Path(__file__).resolve().parents[2])
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [root, env.get("PYTHONPATH")]))
    env["PYTHONUNBUFFERED"] = "1"
    env["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    env.update(network.NO_TELEMETRY)
    env["TOKENIZERS_PARALLELISM"] = "false"
    if offline:
        return {**network.without_proxies(env), **network.OFFLINE_ENVIRONMENT}
    if token:
        env["HF_TOKEN"] = token
    return env
