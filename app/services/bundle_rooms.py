"""The folder in which a bundle is unpacked while it is installed: one process at a time, nothing large stays.

Its files are often links to what was installed (see `place_model`), so nobody misses them.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from app.domain.bundles import BundleError
from app.domain.ports import Processes

INSTALLED: Final = "installed.json"
"""In a room: which steps are done. All that stays of an installation that was broken off."""
_OWNER: Final = "owner"


@contextmanager
def unpacking_room(folder: Path, name: str, processes: Processes) -> Iterator[Path]:
    """`folder`/`name`, for this process alone until the block ends, however it ends.

    What killed processes left behind in `folder` goes, too. Raises BundleError if another process is here.
    """
    room = folder / name
    room.mkdir(parents=True, exist_ok=True)
    if _is_taken(room, processes):
        raise BundleError(
            "Another Tunewright is installing this bundle just now.", "Wait until it has ended."
        )
    (room / _OWNER).write_text(processes.me(), encoding="utf-8")
    for other in folder.iterdir():
        if other.is_dir() and other != room and not _is_taken(other, processes):
            _empty(other)
    try:
        yield room
    except BaseException:  # Ctrl+C too
        _empty(room)
        raise
    shutil.rmtree(room, ignore_errors=True)


def _is_taken(room: Path, processes: Processes) -> bool:
    try:
        owner = (room / _OWNER).read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return owner != processes.me() and processes.is_alive(owner)


def _empty(room: Path) -> None:
    """But for the note of what is done; quietly: whatever ended the installation is what matters."""
    with suppress(OSError):
        for path in room.iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != INSTALLED:
                path.unlink()
        if not (room / INSTALLED).exists():
            room.rmdir()
