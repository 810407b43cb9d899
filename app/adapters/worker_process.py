"""One inference process as seen from the app: starting it, its two pipes, and why it ended."""

import os
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from app.domain.errors import EngineError
from app.worker.protocol import Reply, Request, read_reply

LOG_NAME = "inference.log"
LOG_LIMIT_BYTES = 5_000_000
TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
STARTS_AGAIN = "The next prompt starts it again."


class ProcessEndedError(Exception):
    """The process is gone: its pipe was closed."""


class WorkerProcess:
    """A running `python -m app.worker`. `send` may be called by several threads, `receive` by one."""

    def __init__(self, python: str, log_dir: Path, *, offline: bool, token: str | None) -> None:
        """Start the process. Raises EngineError if it cannot be started."""
        self.offline = offline
        self._sending = threading.Lock()
        self._oom_kills = _oom_kills()
        log_dir.mkdir(parents=True, exist_ok=True)
        log = log_dir / LOG_NAME
        if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
            log.unlink()
        try:
            with log.open("ab") as stderr:
                self._process = subprocess.Popen(
                    [python, "-P", "-m", "app.worker"],  # -P: whatever lies in the working folder is not ours
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    env=child_environment(offline=offline, token=token),
                    start_new_session=True,  # Ctrl-C in the terminal is for the app
                )
        except OSError as error:
            raise EngineError("The model process cannot be started.", f"The system says: {error}") from error

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def send(self, request: Request) -> None:
        """Raises ProcessEndedError."""
        assert self._process.stdin is not None
        try:
            with self._sending:
                self._process.stdin.write(request.encode())
                self._process.stdin.flush()
        except (OSError, ValueError) as error:
            raise ProcessEndedError from error

    def receive(self) -> Reply:
        """The next reply, waiting for it. Raises ProcessEndedError."""
        assert self._process.stdout is not None
        try:
            line = self._process.stdout.readline()
        except ValueError as error:  # `end` closed it
            raise ProcessEndedError from error
        if not line.endswith(b"\n"):
            raise ProcessEndedError
        return read_reply(line)

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

    def why_it_ended(self) -> EngineError:
        """What became of a process that has ended, for people."""
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:  # it closed its pipe and hangs in the kernel
            code = 0
        if code == -9 and _oom_kills() > self._oom_kills:
            return EngineError(
                "The model process was ended by the system because memory ran out.",
                f"Close other programs or choose a smaller model. {STARTS_AGAIN}",
            )
        if code in (-9, -15):
            return EngineError("The model process was killed from outside.", STARTS_AGAIN)
        if code < 0:
            return EngineError(
                "The model process crashed inside a native library.",
                f"{LOG_NAME} has details. {STARTS_AGAIN}",
            )
        return EngineError(
            f"The model process ended unexpectedly (code {code}).", f"{LOG_NAME} has details. {STARTS_AGAIN}"
        )


def child_environment(*, offline: bool, token: str | None) -> Mapping[str, str]:
    """This process's environment for a child of ours, with the token only if one is given."""
    env = {key: value for key, value in os.environ.items() if key not in TOKENS}
    root = str(Path(__file__).resolve().parents[2])
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [root, env.get("PYTHONPATH")]))
    env["PYTHONUNBUFFERED"] = "1"
    env["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    env["HF_HUB_DISABLE_TELEMETRY"] = "1"
    env["TOKENIZERS_PARALLELISM"] = "false"
    if offline:
        env["HF_HUB_OFFLINE"] = "1"
        env["TRANSFORMERS_OFFLINE"] = "1"
    elif token:
        env["HF_TOKEN"] = token
    return env


def _oom_kills() -> int:
    """How many processes Linux has ended for memory since it started; 0 where nobody counts them."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
