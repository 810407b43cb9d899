"""What a running run can be asked for without being stopped: a file in the run folder, or SIGUSR1.

A file works wherever the folder is shared, also into a container; whoever asks writes it, the trainer
removes it when it has taken note.
"""

import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from trainer_image.config import FINISH_COMMAND, SAMPLE_COMMAND, SAVE_COMMAND

_LOOK_EVERY_SECONDS: Final = 0.5
"""A look costs a millisecond on a folder in the network."""


class Commands:
    """The wishes of one run folder. `ask_to_save` may be called from any thread."""

    def __init__(self, run_dir: Path) -> None:
        self._save = _Wish(run_dir / SAVE_COMMAND)
        self._sample = _Wish(run_dir / SAMPLE_COMMAND)
        self._finish = _Wish(run_dir / FINISH_COMMAND)
        with suppress(OSError):  # of an earlier attempt, which ended before it took note
            (run_dir / FINISH_COMMAND).unlink()

    def ask_to_save(self) -> None:
        self._save.asked = True

    def take_save(self) -> bool:
        """Whether a checkpoint is wanted now; each wish is told once."""
        return self._save.take()

    def take_sample(self) -> bool:
        """Whether answers of the model are wanted now; each wish is told once."""
        return self._sample.take()

    def take_finish(self) -> bool:
        """Whether the run is to end now with its best model; each wish is told once."""
        return self._finish.take()


class _Wish:
    def __init__(self, file: Path) -> None:
        self.asked = False
        self._file = file
        self._taken_at: int | None = None
        self._looked = 0.0

    def take(self) -> bool:
        asked, self.asked = self.asked, False
        now = time.monotonic()
        if now - self._looked < _LOOK_EVERY_SECONDS:
            return asked
        self._looked = now
        return self._take_file() or asked

    def _take_file(self) -> bool:
        try:
            written = self._file.stat().st_mtime_ns
        except OSError:
            return False
        with suppress(OSError):  # another user's folder: then its time tells a new wish from an old one
            self._file.unlink()
        is_new, self._taken_at = written != self._taken_at, written
        return is_new
