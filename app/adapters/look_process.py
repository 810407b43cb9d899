"""One running `look.py` of the trainer, as seen from the app."""

import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

from app.adapters.worker_process import child_environment
from app.domain.previews import PreviewError
from trainer_image.config import RunConfig
from trainer_image.look_protocol import Failed, Opened, Reply, Request, read_reply

LOG_NAME: Final = "look.log"
_LOG_LIMIT_BYTES: Final = 2_000_000


class LookProcess:
    """Answers questions one after the other; `kill` may be called from any thread."""

    def __init__(
        self, trainer: Path, python: str, log_dir: Path, *, offline: bool, token: str | None
    ) -> None:
        """Start the process. Raises PreviewError if it cannot be started."""
        self.offline = offline
        self.opened: tuple[RunConfig, Opened] | None = None
        """The config it has open, and what it said to that."""
        log_dir.mkdir(parents=True, exist_ok=True)
        log = log_dir / LOG_NAME
        if log.exists() and log.stat().st_size > _LOG_LIMIT_BYTES:
            log.unlink()
        try:
            with log.open("ab") as stderr:
                self._process = subprocess.Popen(
                    [python, "-P", str(trainer / "look.py")],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    env=child_environment(offline=offline, token=token),
                    start_new_session=True,  # Ctrl-C in the terminal is for the app
                )
        except OSError as error:
            raise PreviewError(
                "The process that looks at rows cannot be started.", f"The system says: {error}"
            ) from error

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def send(self, request: Request) -> None:
        """Raises PreviewError if the process is gone."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(request.encode())
            self._process.stdin.flush()
        except (OSError, ValueError) as error:
            raise _ended() from error

    def receive(self) -> Reply:
        """The next answer, waiting for it. Raises PreviewError, also with what the process itself says."""
        assert self._process.stdout is not None
        try:
            line = self._process.stdout.readline()
        except ValueError as error:  # `end` closed it
            raise _ended() from error
        if not line.endswith(b"\n"):
            raise _ended()
        reply = read_reply(line)
        if isinstance(reply, Failed):
            raise PreviewError(reply.message, reply.hint)
        return reply

    def end(self) -> None:
        """End the process, and what it started, and wait until it is gone."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(OSError):
                pipe.close()


def _ended() -> PreviewError:
    return PreviewError(
        "The process that looks at rows ended unexpectedly; memory may have run out.",
        f"{LOG_NAME} has details. Try again: it is started anew.",
    )
