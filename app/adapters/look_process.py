"""One running `look.py` of the trainer, as seen from the app."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from app.adapters.child_process import ChildProcess, ProcessEndedError, child_environment
from app.domain.previews import PreviewError
from trainer_image.config import RunConfig
from trainer_image.look_protocol import Failed, Opened, Reply, Request, read_reply

LOG_NAME: Final = "look.log"
_LOG_LIMIT_BYTES: Final = 2_000_000


class LookProcess:
    """Answers questions one after the other; `end` may be called from any thread."""

    def __init__(
        self,
        trainer: Path,
        python: str,
        log_dir: Path,
        *,
        offline: bool,
        token: str | None,
        shared: Mapping[str, str],
    ) -> None:
        """Start the process; of its environment `shared` is what nobody set otherwise.

        Raises PreviewError if it cannot be started.
        """
        self.offline = offline
        self.opened: tuple[RunConfig, Opened] | None = None
        """The config it has open, and what it said to that."""
        try:
            self._child = ChildProcess(
                [python, "-P", str(trainer / "look.py")],
                log_dir / LOG_NAME,
                {**shared, **child_environment(offline=offline, token=token)},
                log_limit_bytes=_LOG_LIMIT_BYTES,
            )
        except OSError as error:
            raise PreviewError(
                "The process that looks at rows cannot be started.", f"The system says: {error}"
            ) from error

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def has_ended(self) -> bool:
        return self._child.has_ended

    def send(self, request: Request) -> None:
        """Raises PreviewError if the process is gone."""
        try:
            self._child.send(request.encode())
        except ProcessEndedError as error:
            raise _ended() from error

    def receive(self) -> Reply:
        """The next answer, waiting for it. Raises PreviewError, also with what the process itself says."""
        try:
            reply = read_reply(self._child.receive())
        except ProcessEndedError as error:
            raise _ended() from error
        if isinstance(reply, Failed):
            told = PreviewError(reply.message, reply.hint)
            told.is_refusal = reply.is_refusal
            raise told
        return reply

    def end(self) -> None:
        """End the process, and what it started, and wait until it is gone."""
        self._child.end()


def _ended() -> PreviewError:
    return PreviewError(
        "The process that looks at rows ended unexpectedly; memory may have run out.",
        f"{LOG_NAME} has details. Try again: it is started anew.",
    )
