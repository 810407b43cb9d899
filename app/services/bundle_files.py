"""The one file that a bundle is: its parts written and read, each summed up on the way."""

import hashlib
import os
import secrets
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from pydantic import ValidationError

from app.domain.bundles import MANIFEST, BundleError, Kind, Manifest, Part
from app.domain.sizes import sized

_CHUNK: Final = 1 << 20
_AGAIN: Final = "Copy the file once more, and compare its size with the original."


@dataclass(frozen=True)
class Source:
    """A file that is to become a part."""

    kind: Kind
    name: str
    path: str
    file: Path


def add_part(tar: tarfile.TarFile, source: Source) -> Part:
    entry = tarfile.TarInfo(source.path)
    entry.size = source.file.stat().st_size
    with source.file.open("rb") as file:
        reading = _Hashing(file)
        tar.addfile(entry, reading)
    return Part(
        kind=source.kind,
        name=source.name,
        path=source.path,
        size=entry.size,
        sha256=reading.digest.hexdigest(),
    )


class _Hashing:
    """A file that is summed up as it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        chunk = self._file.read(size)
        self.digest.update(chunk)
        return chunk


@contextmanager
def opened(file: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(file, "r:") as tar:
            yield tar
    except FileNotFoundError as error:
        raise BundleError(f"There is no file {file}.", "Check the name and the folder.") from error
    except (tarfile.TarError, EOFError) as error:
        raise BundleError(f"{file} is no bundle, or is not complete.", _AGAIN) from error
    except OSError as error:
        raise _unreadable(file, error) from error


def manifest_of(tar: tarfile.TarFile, file: Path) -> Manifest:
    try:
        found = tar.extractfile(MANIFEST)
        assert found is not None
        return Manifest.model_validate_json(found.read())
    except (KeyError, AssertionError) as error:
        raise BundleError(f"{file} is no bundle, or is not complete: it has no manifest.", _AGAIN) from error
    except ValidationError as error:
        raise BundleError(
            f"{file} was made by another version of Tunewright, or is damaged.", _AGAIN
        ) from error


def extract(tar: tarfile.TarFile, part: Part, place: Path) -> None:
    """Only files that the manifest names are ever written, and only whole ones stay."""
    damaged = BundleError(f"The part {part.path} of the bundle is damaged.", _AGAIN)
    try:
        member = tar.getmember(part.path)
        source = tar.extractfile(member) if member.isreg() and member.size == part.size else None
    except KeyError:
        raise damaged from None
    if source is None:
        raise damaged
    partial = place.with_name(place.name + ".part")
    digest = hashlib.sha256()
    with speaking_of(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as target:
            for chunk in _read(source, tar.name):
                digest.update(chunk)
                target.write(chunk)
        if digest.hexdigest() != part.sha256:
            partial.unlink()
            raise damaged
        partial.replace(place)


def _read(source: IO[bytes], name: object) -> Iterator[bytes]:
    try:
        while chunk := source.read(_CHUNK):
            yield chunk
    except OSError as error:  # a stick that was pulled out
        raise _unreadable(name, error) from error


def _unreadable(name: object, error: OSError) -> BundleError:
    return BundleError(f"{name} cannot be read: {error.strerror or error}.", _AGAIN)


def is_whole(place: Path, part: Part) -> bool:
    if not place.is_file() or place.stat().st_size != part.size:
        return False
    with place.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == part.sha256


def require_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise BundleError(
            f"This takes {sized(needed)}, and {sized(free)} are free for {folder}.",
            "Make room, or use another disk.",
        )


def can_link(source: Path, target: Path) -> bool:
    """Whether files of one folder can be linked into the other: not on another disk, and not on any kind."""
    tried = source / ".link", target / f".{secrets.token_hex(8)}.link"
    try:
        tried[0].touch()
        os.link(*tried)
    except OSError:
        return False
    finally:
        for path in tried:
            with suppress(OSError):
                path.unlink()
    return True


@contextmanager
def speaking_of(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = error.filename2 or error.filename or place
        raise BundleError(
            f"{where} cannot be written: {error.strerror or error}.",
            "Make room, see who owns the folder, or choose another one; then try again: "
            "what was done is not done twice.",
        ) from error
