"""What the computers of a run tell one another, through the run's folder, which all of them see.

Once their processes have found one another the first makes a folder there, of a name nobody used before;
only if every process sees it is anything left in it. Starts and ends of processes are of one computer each:
whoever started them (`launching.py`) learns here that those of another one ended, and why.
"""

import os
import secrets
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from trainer_image import ranks
from trainer_image.checkpoints import Checkpoint
from trainer_image.problems import RunFailedError
from trainer_image.reporting import Reporter

GOES_ON: Final = "go on"
_BEGIN: Final = ".computers-"
_ENDED: Final = "ended"
_ENDS: Final = ("*.memory", "*.problem")
"""After one of these notes the other computers' processes wait in vain."""
_LOOK_EVERY_SECONDS: Final = 1.0
_GRACE_SECONDS: Final = 10.0
"""For processes to end by themselves: those on a CPU notice that another has gone, those on GPUs wait."""
_PATIENCE_SECONDS: Final = 300.0
"""For the end of all processes on another computer."""


def meet(run_dir: Path, resumed: Checkpoint | None, data_sha256: str, reporter: Reporter) -> None:
    """Collective, as training begins. Raises RunFailedError if they do not begin at the same step with the
    same rows."""
    if ranks.computers() == 1:
        return
    from trainer_image import agreement  # noqa: PLC0415 imports torch

    step = resumed.progress.step if resumed else 0
    if not (agreement.is_same(step) and agreement.is_same(int(data_sha256[:15], 16))):
        raise RunFailedError(
            "The computers that train together do not have the same checkpoints and rows.",
            "Give all of them the same run folder, on a disk that they share, and resume the run.",
        )
    place = run_dir / f"{_BEGIN}{int(agreement.of_first(secrets.randbelow(2**50)))}"
    if ranks.is_first():
        _make(place)
    agreement.any_of(False)  # none looks before it is made
    if agreement.any_of(not place.is_dir() or ranks.folder() is None):
        reporter.notice(
            "The computers that train together do not see the same run folder, or their processes were "
            "started by hand: a run that stops here can't be resumed, and where memory runs out with the "
            "model in parts it ends.",
            level="warning",
        )
        return
    ranks.note("shared", str(place))


class Others:
    """The other computers, as seen by whoever started the processes of this one; nothing of them where there
    are none."""

    def __init__(self, computers: int, *, patience_seconds: float = _PATIENCE_SECONDS) -> None:
        self._computers = computers
        self._patience = patience_seconds
        self._place: Path | None = None
        self.here: int | None = None
        """The number of this one, once its processes have met the others'."""
        self._next_look = self._until = 0.0

    def have_ended(self, notes: Path) -> bool:
        """Whether those of another computer ended a while ago; `notes` is where ours leave theirs."""
        if self._computers == 1 or time.monotonic() < self._next_look:
            return False
        self._next_look = time.monotonic() + _LOOK_EVERY_SECONDS
        place = self._meeting(notes)
        if place is None or not _seen(place, *_ENDS):
            return False
        self._until = self._until or time.monotonic() + _GRACE_SECONDS
        return time.monotonic() > self._until

    def notes(self, notes: Path) -> Path:
        """Where the notes of all processes are, after the end of ours."""
        place = self._meeting(notes)
        if place is None or not _seen(place, "*"):
            return notes
        return place

    def agree(self, goes_on: bool) -> bool:
        """Wait until the processes of all computers have ended; returns what the first computer says.

        Raises RunFailedError if one computer says nothing.
        """
        if self._place is None:
            return goes_on
        place, self._until = self._place, 0.0
        with suppress(OSError):  # then the others wait in vain, and say so
            ranks.write(place / f"{self.here}.{_ENDED}", GOES_ON if goes_on else "")
        if not _wait(lambda: len(_seen(place, f"*.{_ENDED}")) == self._computers, self._patience):
            raise RunFailedError(
                "Memory ran out, and not all computers that train together were there to begin again.",
                "Look at the log of each, and resume the run on all of them: it goes on from its last "
                "checkpoint.",
            )
        self._place = None
        return (place / f"0.{_ENDED}").read_text(encoding="utf-8") == GOES_ON

    def leave(self) -> None:
        """After the last round."""
        if self._place is not None and self.here == 0:
            shutil.rmtree(self._place, ignore_errors=True)

    def _meeting(self, notes: Path) -> Path | None:
        if self._computers > 1 and (place := ranks.shared_in(notes)):
            self._place, self.here = place, ranks.group_in(notes)
        return self._place


def _make(place: Path) -> None:
    """Without those of earlier rounds, which nobody reads any more."""
    for old in place.parent.glob(f"{_BEGIN}*"):
        shutil.rmtree(old, ignore_errors=True)
    with suppress(OSError):  # then nobody sees it
        place.mkdir()


def _seen(place: Path, *patterns: str) -> list[Path]:
    """The files there; what a network's file system remembers of the folder is forgotten first."""
    mark = place / f".{secrets.token_hex(8)}"
    with suppress(OSError):
        os.close(os.open(mark, os.O_CREAT | os.O_WRONLY))
        mark.unlink()
    return [path for pattern in patterns for path in place.glob(f"[!.]{pattern}")]


def _wait(is_so: Callable[[], bool], patience: float) -> bool:
    end = time.monotonic() + patience
    while not is_so():
        if time.monotonic() > end:
            return False
        time.sleep(min(_LOOK_EVERY_SECONDS, patience))
    return True
