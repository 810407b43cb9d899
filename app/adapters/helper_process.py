"""Has long calls of services done by a process of their own: `app.helper`, started anew for each."""

import logging
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from app.adapters.child_process import ChildProcess, ProcessEndedError
from app.adapters.helper_protocol import BEAT_SECONDS, Done, Failed, Told, decode, encode
from app.domain.elsewhere import Call
from app.domain.errors import StudioError
from app.paths import HOME_VARIABLE

log = logging.getLogger(__name__)

LOG_NAME: Final = "helper.log"
_LOG_LIMIT_BYTES: Final = 2_000_000
_DEAF_BEATS: Final = round(3 / BEAT_SECONDS)
"""A helper that still works so long after it was told to stop waits for something else, like a network."""


class HelperProcess:
    """Implements `Elsewhere`. May be used from any thread; each call has its process."""

    def __init__(self, home: Path, log_dir: Path, python: str = sys.executable) -> None:
        self._log, self._python = log_dir / LOG_NAME, python
        self._home = home

    def do(self, call: Call, tell: Callable[[Any], None] | None) -> Any:
        command = [self._python, "-P", "-m", "app.helper"]
        try:
            helper = ChildProcess(
                command, self._log, _environment(self._home), log_limit_bytes=_LOG_LIMIT_BYTES, gives_way=True
            )
        except OSError as error:
            raise StudioError(
                f"The process for long work cannot be started: {error.strerror or error}.",
                "Nothing was changed. Close other programs and try again.",
            ) from error
        try:
            helper.send(encode(call))
            return _outcome(helper, tell)
        except ProcessEndedError as error:
            raise StudioError(
                "The process that did the work ended unexpectedly; nothing was changed.",
                f"Memory may have run out; {LOG_NAME} has details. Try again.",
            ) from error
        finally:
            helper.end()


def _outcome(helper: ChildProcess, tell: Callable[[Any], None] | None) -> Any:
    """Once told to stop, it may still have been quicker; one that does not hear is ended, which leaves
    nothing half-done."""
    stop: Exception | None = None
    beats = 0
    while True:
        said = decode(helper.receive())
        if isinstance(said, Done):
            return said.result
        if isinstance(said, Failed):
            raise said.error
        if stop is None and (stop := _heard(tell, said)) is not None:
            helper.send(encode(stop))
        elif stop is not None and (beats := beats + 1) > _DEAF_BEATS:
            raise stop


def _heard(tell: Callable[[Any], None] | None, said: Told) -> Exception | None:
    """What the listener raises to stop the work."""
    if tell is None or said.news is None:
        return None
    try:
        tell(said.news)
    except Exception as stop:  # whatever it is, it is raised again
        return stop
    return None


def _environment(home: Path) -> Mapping[str, str]:
    """This process's as it is now: it says whether the app is offline."""
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, HOME_VARIABLE: str(home)}
