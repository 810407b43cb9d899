"""Whether a checkpoint's files still hold what the trainer wrote: by their checksums, as it looks itself.

A second for about 1.7 GB, so it is done where somebody looks at the list, file by file, and a file is read
again only once its size or time has changed.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from app.domain.runs import Run
from app.services.checkpoints import MARKER, SavedState
from trainer_image.config import CHECKPOINTS_DIR

_AT_ONCE: Final = 8 * 1024**2
"""Bytes, after which a reader may be stopped."""


class Checksums:
    """What was compared since the app was started."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[tuple[int, int], str]] = {}

    def compared(self, run: Run, state: SavedState, is_wanted: Callable[[], bool]) -> SavedState:
        """The checkpoint with what was found; as it was where it is known to be damaged, was written without
        checksums, has gone meanwhile, or nobody wants to know any more. Blocking."""
        if state.damage:
            return state
        folder = run.folder / CHECKPOINTS_DIR / state.name
        try:
            sums = dict(json.loads((folder / MARKER).read_bytes()).get("sums") or {})
            for name, written in sums.items():
                found = self._sum(folder / name, is_wanted)
                if found is None:
                    return state
                if found != written:
                    damage = f"its file {name} is not as it was written"
                    return replace(state, damage=damage, blocked=damage)
        except (OSError, ValueError, AttributeError):
            return state
        return replace(state, is_compared=bool(sums))

    def _sum(self, path: Path, is_wanted: Callable[[], bool]) -> str | None:
        found = path.stat()
        now = (found.st_size, found.st_mtime_ns)
        known = self._known.get(path)
        if known and known[0] == now:
            return known[1]
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while part := file.read(_AT_ONCE):
                if not is_wanted():
                    return None
                digest.update(part)
        self._known[path] = (now, digest.hexdigest())
        return digest.hexdigest()
