"""Small files that are there whole or not at all, also on a full disk.

A spare file is kept beside them; when the disk is full it makes room for the last words.
"""

import errno
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

_SPARE_BYTES: Final = 4 * 1024**2


def keep_spare(folder: Path) -> None:
    """Take the room while there is some."""
    spare = _spare_of(folder)
    with suppress(OSError):
        if not spare.exists() or spare.stat().st_size < _SPARE_BYTES:
            spare.write_bytes(os.urandom(_SPARE_BYTES))  # a file system may not store zeroes


def release_spare(folder: Path) -> bool:
    """Whether there was one to release."""
    try:
        _spare_of(folder).unlink()
    except OSError:
        return False
    return True


def write_json(path: Path, content: object) -> None:
    """Raise OSError if there is no room for it even without the spare; the earlier content stands then."""
    try:
        _write(path, content)
    except OSError as error:
        if not is_full(error) or not release_spare(path.parent):
            raise
        _write(path, content)


def read_json(path: Path) -> dict[str, Any]:
    """Empty if there is no such file, or it holds no object."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def is_full(error: OSError) -> bool:
    return error.errno in {errno.ENOSPC, errno.EDQUOT}


def _spare_of(folder: Path) -> Path:
    return folder / "spare"


def _write(path: Path, content: object) -> None:
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    os.replace(partial, path)
