"""Rows that were tokenised before, found again by what they were made of.

An entry is a folder named by its fingerprint: flat files of numbers and a summary, which is written last and
holds each file's size and checksum. It is made under another name and then renamed, so that it is whole or
not there; one that is damaged is made again. Plain numbers and JSON: nothing in it is ever run.
"""

import json
import os
import shutil
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from trainer_image.config import ROWS_CACHE_VARIABLE
from trainer_image.data import FirstSeen, Gathering, TrainingRows
from trainer_image.encoding import Chunk
from trainer_image.events import Lengths, RefusedLine
from trainer_image.ledger import Ledger
from trainer_image.reporting import write_json_atomically
from trainer_image.tokens import Writer, in_files

MOST_BYTES: Final = 10 * 1024**3
"""What all entries together may take; those used longest ago go first."""
_SUMMARY: Final = "summary.json"
_PARTIAL: Final = ".partial"
_READ_AT_ONCE: Final = 1 << 20


class _Part(BaseModel):
    """What is known of a set of rows besides its tokens."""

    model_config = ConfigDict(frozen=True)

    stop_ids: list[int]
    lost_answers: int
    shortest_too_long: int | None


class _File(BaseModel):
    model_config = ConfigDict(frozen=True)

    bytes: int
    crc32: int


class _Summary(BaseModel):
    model_config = ConfigDict(frozen=True)

    read: int
    buckets: dict[str, int]
    truncated: int
    refused: list[RefusedLine]
    lengths: Lengths | None
    parts: dict[str, _Part]
    files: dict[str, _File]


class DamagedError(Exception):
    """An entry that is not what was written."""


def place(run_dir: Path) -> Path:
    """Where entries lie: in a folder that runs share if the environment names one, else in the run's own."""
    shared = os.environ.get(ROWS_CACHE_VARIABLE)
    return Path(shared).expanduser() if shared else own_place(run_dir)


def own_place(run_dir: Path) -> Path:
    return run_dir / "cache" / "tokens"


class TokenCache:
    """The entries in one folder. Several processes may use it at once."""

    def __init__(self, folder: Path, *, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most_bytes = most_bytes

    @contextmanager
    def held(self, fingerprint: str, *, waiting: Callable[[], None]) -> Iterator["Entry"]:
        """Keep others from making the same entry meanwhile; `waiting` is called if one is at it already.

        Raises OSError if the folder cannot be used.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self._lock(fingerprint))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            waiting()
            lock.acquire()
        try:
            yield Entry(self._folder / fingerprint)
        finally:
            lock.release()

    def make_room(self, *, keep: str) -> None:
        """Remove what was used longest ago until the rest is small enough; never what is in use or `keep`."""
        entries = [path for path in self._folder.iterdir() if path.is_dir()]
        sizes = {path: sum(file.stat().st_size for file in _files(path)) for path in entries}
        total = sum(sizes.values())
        for path in sorted(entries, key=_last_used):
            unfinished = path.suffix == _PARTIAL
            if path.stem != keep and (unfinished or total > self._most_bytes) and self._remove(path):
                total -= sizes[path]

    def _remove(self, path: Path) -> bool:
        try:
            with FileLock(self._lock(path.stem), timeout=0):
                shutil.rmtree(path)
        except (Timeout, OSError):
            return False
        return True

    def _lock(self, fingerprint: str) -> Path:
        return self._folder / f"{fingerprint}.lock"


@dataclass
class Entry:
    """One set of rows in tokens, there or still to be made. Held by this process."""

    folder: Path

    def read(self) -> TrainingRows | None:
        """None if it is not there. Raises DamagedError if it is not as it was written."""
        if not self.folder.exists():
            return None
        try:
            summary = _Summary.model_validate_json((self.folder / _SUMMARY).read_bytes())
            for name, file in summary.files.items():
                _require_whole(self.folder / name, file)
            rows = self._part(summary, "train")
            if "validation" in summary.parts:
                rows.validation = self._part(summary, "validation")
            os.utime(self.folder)
        except (OSError, ValueError, KeyError, ValidationError) as error:
            raise DamagedError(str(error)) from error
        return rows

    def new(self) -> "NewEntry":
        """Begin to make it, in place of what is left of an earlier one."""
        shutil.rmtree(self.folder, ignore_errors=True)
        partial = self.folder.with_name(self.folder.name + _PARTIAL)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        return NewEntry(self.folder, partial)

    def _part(self, summary: _Summary, name: str) -> TrainingRows:
        part = summary.parts[name]
        tokens = in_files(*(self.folder / f"{name}.{kind}" for kind in ("ids", "trained", "starts")))
        rows = TrainingRows(tokens)
        rows.stop_ids, rows.lost_answers = set(part.stop_ids), part.lost_answers
        rows.shortest_too_long = part.shortest_too_long
        rows.ledger = _ledger(summary)
        return rows


@dataclass
class NewEntry:
    """An entry that is being made: what is written lies under another name until it is `finished`."""

    folder: Path
    _partial: Path
    _parts: dict[str, _Part] = field(default_factory=dict)
    _files: dict[str, _File] = field(default_factory=dict)

    def first_seen(self) -> FirstSeen:
        return FirstSeen(self._partial)

    def gather(
        self, name: str, chunks: Iterator[Chunk], ledger: Ledger, seen: FirstSeen | None, *, bucket: str
    ) -> int:
        """Write a set of rows; how many were kept. Raises OSError."""
        with (
            (self._partial / f"{name}.ids").open("wb") as ids,
            (self._partial / f"{name}.trained").open("wb") as trained,
        ):
            counted_ids, counted_trained = _Counted(ids), _Counted(trained)
            writer = Writer(counted_ids, counted_trained)
            gathering = Gathering(writer, ledger, seen, bucket=bucket)
            for chunk in chunks:
                gathering.take(chunk)
        starts = writer.starts.tobytes()
        (self._partial / f"{name}.starts").write_bytes(starts)
        self._files |= {
            f"{name}.ids": counted_ids.file(),
            f"{name}.trained": counted_trained.file(),
            f"{name}.starts": _File(bytes=len(starts), crc32=zlib.crc32(starts)),
        }
        self._parts[name] = _Part(
            stop_ids=sorted(gathering.stop_ids),
            lost_answers=gathering.lost_answers,
            shortest_too_long=gathering.shortest_too_long,
        )
        if ledger.lengths is None:  # the rows to train on come first
            ledger.lengths = gathering.lengths()
        return len(writer.starts) - 1

    def finish(self, ledger: Ledger) -> None:
        """Make it whole. Raises OSError."""
        (self._partial / "seen.sqlite").unlink(missing_ok=True)
        summary = _Summary(
            read=ledger.read,
            buckets=dict(ledger.buckets),
            truncated=ledger.truncated,
            refused=ledger.refused,
            lengths=ledger.lengths,
            parts=self._parts,
            files=self._files,
        )
        write_json_atomically(self._partial / _SUMMARY, json.loads(summary.model_dump_json()))
        os.replace(self._partial, self.folder)

    def give_up(self) -> None:
        shutil.rmtree(self._partial, ignore_errors=True)


class _Counted:
    """A file that knows the size and checksum of what was written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._bytes = self._crc32 = 0

    def write(self, content: bytes | memoryview) -> None:
        content = memoryview(content).cast("B")
        self._bytes += len(content)
        self._crc32 = zlib.crc32(content, self._crc32)
        self._file.write(content)

    def file(self) -> _File:
        return _File(bytes=self._bytes, crc32=self._crc32)


def _ledger(summary: _Summary) -> Ledger:
    ledger = Ledger()
    ledger.read, ledger.truncated = summary.read, summary.truncated
    ledger.buckets.update(summary.buckets)
    ledger.refused, ledger.lengths = list(summary.refused), summary.lengths
    return ledger


def _require_whole(path: Path, file: _File) -> None:
    if path.stat().st_size != file.bytes:
        raise DamagedError(f"{path.name} has another size")
    crc32 = 0
    with path.open("rb") as content:
        while part := content.read(_READ_AT_ONCE):
            crc32 = zlib.crc32(part, crc32)
    if crc32 != file.crc32:
        raise DamagedError(f"{path.name} has other content")


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_file()]


def _last_used(path: Path) -> float:
    return path.stat().st_mtime
