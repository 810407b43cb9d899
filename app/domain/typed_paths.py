"""Paths as people type them: what no file system can hold counts as not there, instead of raising."""

from pathlib import Path
from typing import Final

_LONGEST_NAME: Final = 255
"""Bytes of one part of a path, on any usual file system."""


def expanded(typed: str | Path) -> Path:
    """With `~` and `~user` replaced; the home of a user nobody knows stays as it was typed."""
    try:
        return Path(typed).expanduser()
    except RuntimeError:
        return Path(typed)


def is_file(path: Path) -> bool:
    """False also for a name that is too long, holds a NUL, or lies where one may not look."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """False for the same."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def nearest_folder(place: Path) -> Path:
    """That folder, or the first above it that is there: where what is to be made comes to lie."""
    return next((one for one in (place, *place.parents) if is_folder(one)), Path(place.anchor or "."))


def is_possible(typed: str | Path) -> bool:
    """Whether anything could be called so: a NUL, or a name longer than disks take, is in no path."""
    return "\0" not in str(typed) and all(
        len(part.encode(errors="replace")) <= _LONGEST_NAME for part in Path(typed).parts
    )


def looks_like_path(model: str) -> bool:
    """Hub names are `owner/name`; anything absolute, relative by dots or from home is a folder."""
    return model.startswith(("/", "./", "../", "~", "\\")) or Path(model).is_absolute()
