"""Who of all that share a home holds a model in memory, and the word that a run needs the room.

A window, a command and a queue are processes of their own. Each inference process leaves a file with its name
here; who wants it gone puts a second one beside, and waits until the process has ended.
"""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psutil

from app.adapters.processes import SystemProcesses, start_of

log = logging.getLogger(__name__)

_LOOKS_EVERY_SECONDS: Final = 0.2
_PATIENCE_SECONDS: Final = 10.0
"""Then the run begins all the same."""
_WORD: Final = ".wanted"


class ModelsInMemory:
    """Any thread may call it. A file of a process that is gone means nothing, and is removed when seen."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes = SystemProcesses()

    def add(self, pid: int, *, has_ended: Callable[[], bool], let_go: Callable[[], None]) -> None:
        """From now on until it `has_ended`, `let_go` is called once somebody needs the room."""
        file = self._folder / str(pid)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            _word_to(file).unlink(missing_ok=True)
            file.write_text(f"{pid}:{start_of(psutil.Process(pid)):.2f}", encoding="utf-8")
        except (OSError, psutil.Error):
            log.warning("other processes cannot ask for the room of %s", pid, exc_info=True)
            return
        threading.Thread(target=_listen, args=(file, has_ended, let_go), daemon=True).start()

    def make_room(self) -> None:
        """Ask all who hold a model to let go of it, and wait until they have."""
        asked = [file for file in self._files() if self._is_held(file)]
        for file in asked:
            _word_to(file).touch()
        end = _PATIENCE_SECONDS / _LOOKS_EVERY_SECONDS
        while any(map(self._is_held, asked)) and end > 0:
            threading.Event().wait(_LOOKS_EVERY_SECONDS)
            end -= 1
        if any(map(self._is_held, asked)):
            log.warning("a model is still in the memory of another process")

    def _files(self) -> list[Path]:
        return [file for file in self._folder.glob("*") if file.suffix != _WORD]

    def _is_held(self, file: Path) -> bool:
        try:
            owner = file.read_text(encoding="utf-8")
        except OSError:
            return False
        if self._processes.is_alive(owner):
            return True
        for gone in (file, _word_to(file)):
            gone.unlink(missing_ok=True)
        return False


def _word_to(file: Path) -> Path:
    return file.with_name(file.name + _WORD)


def _listen(file: Path, has_ended: Callable[[], bool], let_go: Callable[[], None]) -> None:
    while not has_ended():
        if _word_to(file).exists():
            let_go()
            return
        threading.Event().wait(_LOOKS_EVERY_SECONDS)
    file.unlink(missing_ok=True)
