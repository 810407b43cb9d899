"""Tokens of pods' agents: a file each in the app's own folder, readable by its owner only.

Not in the keyring: it may be locked, or ask, just when a pod that costs money is to be reached. A token is
good for one pod, is made for it, and goes with it. Not in the run's folder, which people share.
"""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from app.domain.errors import TargetError

_BYTES: Final = 32


class PodTokenFiles:
    """PodTokens in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def make(self, name: str) -> str:
        token = secrets.token_urlsafe(_BYTES)
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            path = self._path(name)
            path.unlink(missing_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(token)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise TargetError(
                f"The pod's token could not be kept: {error.strerror or error}.",
                f"Make room, or make {self._folder} writable, then start again.",
            ) from error
        return token

    def get(self, name: str) -> str | None:
        try:
            return self._path(name).read_text(encoding="ascii") or None
        except OSError:
            return None

    def forget(self, name: str) -> None:
        with suppress(OSError):
            self._path(name).unlink()

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.token"
