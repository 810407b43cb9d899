"""The places a run writes to, looked at before anything is computed.

What stands in the way of one would be met hours later, at the first checkpoint or with the result. Imports no
training library.
"""

import os
from pathlib import Path
from typing import Final

from trainer_image.config import CHECKPOINTS_DIR, EVENTS_FILE, EXTENSION_FILE, OUTPUT_DIR, RESULT_FILE
from trainer_image.holding import LOCK_FILE
from trainer_image.problems import RunFailedError

_FILES: Final = (EVENTS_FILE, RESULT_FILE, f"{RESULT_FILE}.partial", LOCK_FILE, EXTENSION_FILE)
_FOLDERS: Final = (".", CHECKPOINTS_DIR, OUTPUT_DIR, f".{OUTPUT_DIR}.partial", f"{CHECKPOINTS_DIR}/.partial")


def require_free(run_dir: Path) -> None:
    """Raise RunFailedError, naming the first place that cannot be written."""
    for name in _FILES:
        if (run_dir / name).is_dir():
            raise _in_the_way(run_dir / name, "a folder stands where the run writes a file")
    for name in _FOLDERS:
        folder = run_dir / name
        if os.path.lexists(folder) and not folder.is_dir():
            raise _in_the_way(folder, "a file stands where the run needs a folder")
        if folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK):
            raise _in_the_way(folder, "nothing may be written there")


def _in_the_way(path: Path, reason: str) -> RunFailedError:
    return RunFailedError(
        f"{path} cannot be used: {reason}.",
        "Move it away or correct its permissions, then start or resume the run.",
    )
