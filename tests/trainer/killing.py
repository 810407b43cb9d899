"""Kills a trainer, from within, at a moment that is the same each time: at a step, or while it writes."""

# ruff: noqa: PLC0415 — the pytest process imports none of it

import os
import signal
import sys
import threading
from typing import Any, Final, Literal, NamedTuple

_OPERATIONS: Final = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "os.scandir"}


class Moment(NamedTuple):
    kind: Literal["step", "file"]
    """After a step was reported; at an operation on a file of a checkpoint."""
    count: int
    """The how manyth in this process."""
    delay: float = 0.0
    """Seconds later, of a step."""


def kill_at(moment: Moment) -> None:
    """Have this process kill itself then."""
    if moment.kind == "step":
        _at_a_step(moment)
    else:
        _at_an_operation(moment.count)


def _at_a_step(moment: Moment) -> None:
    from trainer_image import reporting
    from trainer_image.events import Metrics

    emit, left = reporting.Reporter.emit, moment.count

    def counting(self: Any, event: Any) -> None:
        nonlocal left
        emit(self, event)
        left -= isinstance(event, Metrics)
        if not left and isinstance(event, Metrics):
            threading.Timer(moment.delay, kill).start()

    reporting.Reporter.emit = counting  # type: ignore[method-assign]


def _at_an_operation(count: int) -> None:
    left = count

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event in _OPERATIONS and any("/checkpoints/" in str(each) for each in arguments):
            left -= 1
            if left == 0:
                kill()

    sys.addaudithook(hook)


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
