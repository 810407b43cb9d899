"""Which files an export wrote, and their deletion: what a person put beside them stays."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from app.domain.errors import StudioError
from app.domain.exports import CERTIFICATE_FILE, Export

_HASHED_BYTES: Final = 10_000_000
"""A file up to this size is known by its checksum; larger ones are weights, which nobody edits: by size."""

Written = Mapping[str, Mapping[str, Any]]
"""Path below the export's folder → what is known of the file."""


@dataclass(frozen=True)
class Deleted:
    """What a deletion has done."""

    had_files: bool
    left: tuple[str, ...] = ()
    """Files the export did not write, or that were changed since: they are still there."""


def written_in(folder: Path) -> Written:
    """All files an export has written so far."""
    return {path.relative_to(folder).as_posix(): _known(path) for path in _files(folder)}


def delete_files(export: Export) -> Deleted:
    """Delete what is this export's by its certificate, and the folder if nothing else is in it.

    Raises StudioError; what is left then can be tried again."""
    folder = export.folder
    if not folder.exists():
        return Deleted(had_files=False)
    written = _written_by(export)
    try:
        own = [path for name, known in written.items() if (path := _own(folder, name, known)) is not None]
        for path in own:
            path.unlink()
        (folder / CERTIFICATE_FILE).unlink()  # last: it says what the others are
        for path in [*own, folder / CERTIFICATE_FILE]:
            _remove_if_empty(folder.parent, path.parent)
    except OSError as error:
        raise StudioError(
            f"The files in {folder} could not all be deleted: {error.strerror or error}.",
            "Delete them yourself.",
        ) from error
    left = tuple(path.relative_to(folder).as_posix() for path in _files(folder))
    return Deleted(had_files=True, left=left)


def left_in_words(folder: Path, left: tuple[str, ...], *, most: int = 5) -> str:
    """A sentence; empty where nothing is left."""
    if not left:
        return ""
    more = f" and {len(left) - most} more" if len(left) > most else ""
    return (
        f"Left in {folder}, as the export did not write it or it was changed since: "
        f"{', '.join(left[:most])}{more}."
    )


def _written_by(export: Export) -> Written:
    """Raises StudioError where the folder is not this export's any more, or does not say."""
    found: Any = None
    with suppress(OSError, ValueError):
        found = json.loads((export.folder / CERTIFICATE_FILE).read_bytes())
    if not isinstance(found, dict) or found.get("export") != export.id:
        raise StudioError(
            f"{export.folder} is not this export any more: other files are in it now.",
            "Look at it and delete it yourself; `tunewright exports forget` takes it off the list.",
        )
    files = found.get("files")
    if not isinstance(files, dict) or not all(isinstance(known, dict) for known in files.values()):
        raise StudioError(
            f"The certificate in {export.folder} does not say which files the export wrote.",
            "Look at it and delete it yourself; `tunewright exports forget` takes it off the list.",
        )
    return files


def _own(folder: Path, name: str, known: Mapping[str, Any]) -> Path | None:
    """The file of that name if it is as it was written. The certificate may have been edited."""
    asked = PurePosixPath(name)
    path = folder / asked
    if asked.is_absolute() or ".." in asked.parts or path.is_symlink() or not path.is_file():
        return None
    if not path.parent.resolve().is_relative_to(folder.resolve()):
        return None
    return path if _known(path) == known else None


def _known(path: Path) -> Mapping[str, Any]:
    size = path.stat().st_size
    if size > _HASHED_BYTES:
        return {"bytes": size}
    return {"bytes": size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def _files(folder: Path) -> Iterator[Path]:
    """In order; a link is one thing, wherever it leads."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        yield from (Path(place) / name for name in sorted([*names, *links]))


def _remove_if_empty(top: Path, folder: Path) -> None:
    """And the folders around it, up to `top`, which stays."""
    while folder != top and folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
