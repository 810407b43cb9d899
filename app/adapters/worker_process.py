"""One inference process as seen from the app: starting it, what is said to it, and why it ended."""

from pathlib import Path

from app.adapters.child_process import ChildProcess, child_environment
from app.domain.errors import EngineError
from app.worker.protocol import Reply, Request, read_reply

LOG_NAME = "inference.log"
LOG_LIMIT_BYTES = 5_000_000
STARTS_AGAIN = "The next prompt starts it again."


class WorkerProcess:
    """A running `python -m app.worker`. `send` may be called by several threads, `receive` by one."""

    def __init__(self, python: str, log_dir: Path, *, offline: bool, token: str | None) -> None:
        """Start the process. Raises EngineError if it cannot be started."""
        self.offline = offline
        self._oom_kills = _oom_kills()
        try:
            self._child = ChildProcess(
                [python, "-P", "-m", "app.worker"],  # -P: whatever lies in the working folder is not ours
                log_dir / LOG_NAME,
                child_environment(offline=offline, token=token),
                log_limit_bytes=LOG_LIMIT_BYTES,
            )
        except OSError as error:
            raise EngineError("The model process cannot be started.", f"The system says: {error}") from error

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def has_ended(self) -> bool:
        return self._child.has_ended

    def send(self, request: Request) -> None:
        """Raises ProcessEndedError."""
        self._child.send(request.encode())

    def receive(self) -> Reply:
        """The next reply, waiting for it. Raises ProcessEndedError."""
        return read_reply(self._child.receive())

    def kill(self) -> None:
        """End the process now; a `receive` under way raises."""
        self._child.kill()

    def end(self) -> None:
        """End the process and wait until it is gone."""
        self._child.end()

    def why_it_ended(self) -> EngineError:
        """What became of a process that has ended, for people."""
        code = self._child.code(within_seconds=5) or 0  # none: it closed its pipe and hangs in the kernel
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


def _oom_kills() -> int:
    """How many processes Linux has ended for memory since it started; 0 where nobody counts them."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
