"""Files that the app sends in parts. One stands under its name only when it is complete and right."""

import hashlib
import os
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from trainer_image.pod import durable
from trainer_image.pod.paths import inside
from trainer_image.pod.refusals import Refusal, disk_full

MOST_BYTES_OF_PART: Final = 8 * 1024**2
_READ_AT_ONCE: Final = 1024**2
_RECORDS: Final = {"events.jsonl", "log.txt"}
"""They grow here and there, and are never replaced by another one."""


@dataclass(frozen=True)
class Upload:
    """What a whole file will be."""

    path: str
    total: int
    sha256: str


class Uploads:
    def __init__(self, run_dir: Path, folder: Path) -> None:
        """`folder` is where parts wait."""
        self._run_dir = run_dir
        self._folder = folder
        self._lock = threading.Lock()

    def paths(self) -> set[str]:
        """Of all files that came from the app."""
        return {str(durable.read_json(file).get("path")) for file in self._folder.glob("*.json")}

    def received(self, upload: Upload) -> dict[str, Any]:
        target = inside(self._run_dir, upload.path)
        with self._lock:
            return self._answer(upload, target, self._size(upload, target))

    def add(self, upload: Upload, *, offset: int, part_sha256: str, part: bytes) -> dict[str, Any]:
        """Raises Refusal; what was received before then stands, unless the whole file is wrong."""
        target = inside(self._run_dir, upload.path)
        if hashlib.sha256(part).hexdigest() != part_sha256:
            raise Refusal(422, "bad_part", "The part's checksum is wrong. Send it again.")
        if offset + len(part) > upload.total:
            raise Refusal(422, "bad_part", "The part reaches beyond the end of the file.")
        with self._lock:
            try:
                return self._add(upload, target, offset, part)
            except OSError as error:
                raise disk_full() from error

    def _add(self, upload: Upload, target: Path, offset: int, part: bytes) -> dict[str, Any]:
        self._folder.mkdir(parents=True, exist_ok=True)
        received = self._size(upload, target)
        if offset > received:
            raise Refusal(409, "gap", "An earlier part is missing.", received=received)
        is_new = offset == received and (part or not target.exists())
        if not is_new:
            return self._answer(upload, target, received)
        if offset == 0:
            durable.write_json(self._note(upload), asdict(upload))
            self._partial(upload).unlink(missing_ok=True)
        _append(self._partial(upload), part, offset)
        if offset + len(part) == upload.total:
            self._complete(upload, target)
        return self._answer(upload, target, offset + len(part))

    def _complete(self, upload: Upload, target: Path) -> None:
        partial = self._partial(upload)
        if _sha256(partial) != upload.sha256:
            partial.unlink()
            self._note(upload).unlink()
            raise Refusal(422, "bad_file", "The whole file's checksum is wrong. Send it anew.", received=0)
        if upload.path in _RECORDS and target.exists() and not _begins_with(partial, target):
            partial.unlink()
            self._note(upload).unlink()
            raise Refusal(409, "kept", f"The pod's own {upload.path} is kept: it does not go on in this one.")
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(partial, target)

    def _size(self, upload: Upload, target: Path) -> int:
        """How much of it is there: of this file, not of another one of the same name."""
        if durable.read_json(self._note(upload)) != asdict(upload):
            return upload.total if _is(target, upload) else 0
        with suppress(OSError):
            return self._partial(upload).stat().st_size
        with suppress(OSError):
            return upload.total if target.stat().st_size == upload.total else 0
        return 0

    def _answer(self, upload: Upload, target: Path, received: int) -> dict[str, Any]:
        complete = received == upload.total and target.exists() and not self._partial(upload).exists()
        return {"received": received, "total": upload.total, "complete": complete}

    def _note(self, upload: Upload) -> Path:
        return self._folder / (hashlib.sha256(upload.path.encode()).hexdigest()[:32] + ".json")

    def _partial(self, upload: Upload) -> Path:
        return self._note(upload).with_suffix(".part")


def _append(path: Path, part: bytes, offset: int) -> None:
    """All of it or nothing."""
    with path.open("ab", buffering=0) as file:
        try:
            written = file.write(part) or 0
            if written < len(part):
                file.write(part[written:])
            os.fsync(file.fileno())
        except OSError:
            file.truncate(offset)
            raise


def _is(path: Path, upload: Upload) -> bool:
    """Whether the trainer made that very file here."""
    return path.is_file() and path.stat().st_size == upload.total and _sha256(path) == upload.sha256


def _begins_with(path: Path, other: Path) -> bool:
    with path.open("rb") as file, other.open("rb") as begin:
        while block := begin.read(_READ_AT_ONCE):
            if file.read(len(block)) != block:
                return False
    return True


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_READ_AT_ONCE):
            digest.update(block)
    return digest.hexdigest()
