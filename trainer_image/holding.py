"""One trainer at a time in a run's folder: two would write over each other's record and checkpoints.

The system's own lock on a file, which goes with the process that holds it, however that ends. Where a file
system knows no locks nothing is held. Imports no training library.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EACCES, EAGAIN, EDEADLK
from pathlib import Path
from typing import Final

from trainer_image.problems import RunFailedError

LOCK_FILE: Final = ".train.lock"
_PATIENCE_SECONDS: Final = 5.0
"""For the end of one that was just killed."""
_HELD: Final = {EACCES, EAGAIN, EDEADLK}


@contextmanager
def alone_in(run_dir: Path) -> Iterator[None]:
    """Hold the folder for this process. Raises RunFailedError if another one trains in it."""
    try:
        file = os.open(run_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError:  # whoever writes the record says that the folder cannot be written
        yield
        return
    try:
        _take(file, run_dir)
        yield
    finally:
        os.close(file)


def _take(file: int, run_dir: Path) -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            _lock(file)
        except OSError as error:
            if error.errno not in _HELD:
                return
        else:
            return
        if time.monotonic() > end:
            raise RunFailedError(
                f"Another trainer is at work in {run_dir}, and two would spoil each other's run.",
                "Wait for its end, or stop it; for a second run make another folder.",
            )
        time.sleep(0.05)


def _lock(file: int) -> None:
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 Windows only

        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl  # noqa: PLC0415 not on Windows

        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # unlike flock not handed on to forked workers
