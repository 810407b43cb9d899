"""Shows a folder in the desktop's own file manager."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from app.domain.errors import StudioError

_PATIENCE_SECONDS: Final = 3.0


class FileManager:
    """Implements `OpenFolder`. `platform` is one of `sys.platform`."""

    def __init__(self, platform: str = sys.platform, environment: Mapping[str, str] = os.environ) -> None:
        self._platform = platform
        self._environment = environment

    def __call__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise StudioError(f"The folder {folder} is not there.", "It may have been moved or deleted.")
        program = {"win32": "explorer", "darwin": "open"}.get(self._platform, "xdg-open")
        if self._platform not in {"win32", "darwin"} and not self._has_desktop:
            raise _nowhere(folder, "there is no desktop here")
        found = shutil.which(program, path=self._environment.get("PATH"))
        if found is None:
            raise _nowhere(folder, f"the program {program} is not installed")
        self._run(found, folder)

    @property
    def _has_desktop(self) -> bool:
        return any(self._environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))

    def _run(self, program: str, folder: Path) -> None:
        """It may stay for as long as its window does; one that fails does so at once."""
        nothing = subprocess.DEVNULL
        try:
            process = subprocess.Popen([program, str(folder)], stdin=nothing, stdout=nothing, stderr=nothing)
            code = process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            return
        except OSError as error:
            raise _nowhere(folder, f"{program} does not start: {error.strerror or error}") from error
        if code and self._platform != "win32":  # explorer ends with 1 when all is well
            raise _nowhere(folder, f"{program} ended with code {code}")


def _nowhere(folder: Path, reason: str) -> StudioError:
    return StudioError(f"The folder cannot be shown: {reason}.", f"It is {folder}")
