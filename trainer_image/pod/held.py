"""One checkpoint that is being fetched is kept while the trainer drops it for a newer one.

By links to its files, which take room only once the trainer has dropped them. On a slow line and with one
checkpoint kept, the app would otherwise never get a whole one.
"""

import os
import shutil
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

MARKER: Final = "COMPLETE.json"
_CHECKPOINTS: Final = "checkpoints"


class Held:
    """`root` mirrors the run's folder as far as anything is held. May be used from several threads."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.Lock()
        self._is_fetched = False

    def hold(self, newest: Path | None) -> None:
        """Keep the newest checkpoint, unless an earlier one is still being fetched."""
        with self._lock:
            held = self._held()
            if newest is None or (held and (held.name == newest.name or not self._is_fetched)):
                return
            self._drop()
            if shutil.disk_usage(newest).free > 2 * sum(f.stat().st_size for f in _files(newest)):
                self._link(newest)

    def was_fetched(self, name: str) -> None:
        """A file of the run was sent to its end. A checkpoint's marker is fetched last."""
        held = self._held()
        if held and name == f"{_CHECKPOINTS}/{held.name}/{MARKER}":
            self._is_fetched = True

    def drop(self) -> None:
        """Nothing is dropped by the trainer any more."""
        with self._lock:
            self._drop()

    def _held(self) -> Path | None:
        return next((self.root / _CHECKPOINTS).glob("*"), None)

    def _drop(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
        self._is_fetched = False

    def _link(self, newest: Path) -> None:
        target = self.root / _CHECKPOINTS / newest.name
        try:
            for file in sorted(_files(newest), key=lambda file: file.name == MARKER):
                link = target / file.relative_to(newest)
                link.parent.mkdir(parents=True, exist_ok=True)
                os.link(file, link)
        except OSError:  # dropped meanwhile, or a file system without links
            self._drop()


def _files(folder: Path) -> Sequence[Path]:
    with suppress(OSError):
        return [file for file in folder.rglob("*") if file.is_file()]
    return []
