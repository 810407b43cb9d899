"""A file as bytes, unpacked if it is a gzip or Zstandard archive; an archive that grows too much is refused.

The limit: 64 MB and a hundred times its size. Text packs to a tenth, tables of repeated rows to a fiftieth; a
file made to fill disks packs to a thousandth.
"""

import io
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from gzip import BadGzipFile, GzipFile
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from app.domain.errors import ImportFailedError

HEAD_BYTES: Final = 65536
_FREE_BYTES: Final = 64 * 1024**2
_MOST_GROWTH: Final = 100
_ZSTD_PIECE: Final = 1024
"""Packed bytes handed over at once: at most 32 MB come out."""


class DamagedError(OSError):
    """An archive that breaks off or is not what it says. `str()` ends a sentence."""


@dataclass(frozen=True)
class Opened:
    """A file that exists and has something in it. Raises ImportFailedError otherwise."""

    path: Path
    name: str
    """For people: the file's name, or its path below the folder that is read."""
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        refuse_what_is_no_file(self.path)
        if not self.head:
            raise ImportFailedError(f"{self.name} is empty.", "Choose a file with rows or text in it.")

    @cached_property
    def packing(self) -> str:
        with self.path.open("rb") as file:
            first = file.read(4)
        if first.startswith(b"\x1f\x8b"):
            return "gzip"
        return "Zstandard" if first == b"\x28\xb5\x2f\xfd" else ""

    @cached_property
    def head(self) -> bytes:
        """The first bytes, unpacked; of a damaged archive what there is."""
        with self.open() as file:
            pieces = b""
            try:
                while len(pieces) < HEAD_BYTES and (piece := file.read(HEAD_BYTES - len(pieces))):
                    pieces += piece
            except DamagedError as error:
                if not pieces:
                    raise ImportFailedError(
                        f"{self.name} is {error}.", "Get it again, or unpack it yourself."
                    ) from error
            return pieces

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """The unpacked bytes as a stream. Reading may raise DamagedError and ImportFailedError."""
        with self.path.open("rb") as file:
            if not self.packing:
                yield file
                return
            unpacked = _gzip(file) if self.packing == "gzip" else _zstd(file)
            limit = _FREE_BYTES + _MOST_GROWTH * self.path.stat().st_size
            yield cast(
                BinaryIO, io.BufferedReader(_Bounded(unpacked, self.name, self.packing, limit), 1 << 20)
            )

    @contextmanager
    def on_disk(self) -> Iterator[Path]:
        """The unpacked file, for libraries that must jump about in it; a copy goes when the block ends."""
        if not self.packing:
            yield self.path
            return
        with tempfile.NamedTemporaryFile(prefix="tunewright-") as copy:
            try:
                with self.open() as file:
                    shutil.copyfileobj(file, copy)
            except DamagedError as error:
                raise ImportFailedError(f"{self.name} is {error}.", "Get it again.") from error
            copy.flush()
            yield Path(copy.name)


def refuse_what_is_no_file(path: Path) -> None:
    """Pipes and devices would be waited for."""
    try:
        if path.exists() and not path.is_file():
            kind = "a folder" if path.is_dir() else "not a file"
            raise ImportFailedError(f"{path.name} is {kind}.", "Choose a file.")
        path.open("rb").close()
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> ImportFailedError:
    if isinstance(error, FileNotFoundError):
        return ImportFailedError(f"There is no file {path}.", "Check the name and the folder.")
    if isinstance(error, PermissionError):
        return ImportFailedError(f"You may not read {path}.", "Allow reading it, or copy it elsewhere.")
    reason = error.strerror or str(error)
    return ImportFailedError(f"{path} cannot be read: {reason}.", "Copy it to another disk and try again.")


class _Bounded(io.RawIOBase):
    """Pieces of unpacked bytes as a stream that gives up when they become too many."""

    def __init__(self, pieces: Iterator[bytes], name: str, packing: str, limit: int) -> None:
        self._pieces = pieces
        self._name = name
        self._packing = packing
        self._left = limit
        self._piece = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._piece:
            try:
                self._piece = memoryview(next(self._pieces))
            except StopIteration:
                return 0
            self._left -= len(self._piece)
            if self._left < 0:
                raise ImportFailedError(
                    f"{self._name} unpacks to more than {_MOST_GROWTH} times its size.",
                    f"If you trust the {self._packing} archive, unpack it yourself and import the result.",
                )
        count = min(len(buffer), len(self._piece))
        buffer[:count] = self._piece[:count]
        self._piece = self._piece[count:]
        return count


def _gzip(file: BinaryIO) -> Iterator[bytes]:
    try:
        with GzipFile(fileobj=file) as unpacked:
            while piece := unpacked.read1(1 << 18):
                yield piece
    except (EOFError, BadGzipFile, zlib.error) as error:
        raise DamagedError(f"a damaged gzip archive: {error}".rstrip(".")) from error


def _zstd(file: BinaryIO) -> Iterator[bytes]:
    import zstandard  # noqa: PLC0415

    frame = None
    try:
        while packed := file.read(_ZSTD_PIECE):
            while packed:
                frame = frame or zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
                if piece := frame.decompress(packed):
                    yield piece
                packed, frame = (frame.unused_data, None) if frame.eof else (b"", frame)
    except zstandard.ZstdError as error:
        raise DamagedError(f"a damaged Zstandard archive: {error}".rstrip(".")) from error
    if frame is not None:
        raise DamagedError("a damaged Zstandard archive: it breaks off")
