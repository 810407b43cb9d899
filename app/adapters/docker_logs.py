"""Keeps a run's log.txt as its container's log grows: every line once, each with the engine's UTC stamp.

Nothing is remembered between calls but the file itself. The engine's `since` includes its moment, and
lines of stdout and stderr may be stamped a little out of order; so the last seconds are read again, and a
line already in the file is skipped as often as it is there.
"""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

_STAMP: Final = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z) ")
_OVERLAP_SECONDS: Final = 2.0
_BLOCK: Final = 64 * 1024


ReadLog = Callable[[float | None], Iterable[bytes]]
"""A container's log from a moment (UTC seconds, inclusive) or from its start, with the engine's stamps."""


def append_new_lines(path: Path, read: ReadLog, *, ended: bool) -> None:
    """Append what the log has and the file has not. Two processes may call this at once.

    Once the container has `ended` all of its log is compared, so that nothing is missing in the end even
    where the computer's clock was set back while it ran.
    """
    with path.open("a+b") as file, _alone(file):
        _cut_torn_line(file)
        known, since = _known(file, everything=ended)
        for line in _lines(read(since)):
            if known[line] > 0:
                known[line] -= 1
            else:
                file.write(line + b"\n")


@contextmanager
def _alone(file: BinaryIO) -> Iterator[None]:
    try:
        import fcntl  # noqa: PLC0415 not on Windows, where one app at a time has to do
    except ImportError:
        yield
        return
    fcntl.flock(file, fcntl.LOCK_EX)  # closing the file lets go
    yield


def _cut_torn_line(file: BinaryIO) -> None:
    """Drop the last line if it has no end: whoever wrote it was killed. It will be fetched again."""
    end = file.seek(0, os.SEEK_END)
    start, tail = end, b""
    while start > 0 and b"\n" not in tail:
        start = max(0, start - _BLOCK)
        file.seek(start)
        tail = file.read(end - start)
    whole = start + tail.rfind(b"\n") + 1
    if whole < end:
        file.truncate(whole)


def _known(file: BinaryIO, *, everything: bool) -> tuple[Counter[bytes], float | None]:
    """The lines of the file that the engine will tell again, and from when on to ask it (None: from all)."""
    end = start = file.seek(0, os.SEEK_END)
    while True:
        start = 0 if everything else max(0, start - _BLOCK)
        file.seek(start)
        lines = file.read(end - start).split(b"\n")
        stamped = [(moment, line) for line in lines if (moment := _moment(line)) is not None]
        last = max((moment for moment, _ in stamped), default=None)
        if start == 0 or (last is not None and stamped[0][0] < last - 2 * _OVERLAP_SECONDS):
            break
    if last is None or everything:
        return Counter(line for _, line in stamped), None
    since = last - _OVERLAP_SECONDS
    return Counter(line for moment, line in stamped if moment >= since - 0.001), since


def _moment(line: bytes) -> float | None:
    """UTC seconds of a line's stamp, None if it has none: what the app itself wrote."""
    if not (stamp := _STAMP.match(line)):
        return None
    text = stamp[1].decode()
    whole = datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    return whole.timestamp() + float("0" + text[19:-1])


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Whole lines. One longer than 16 kB comes in pieces, each with a stamp of its own: the first stays."""
    line = b""
    for piece in pieces:
        line += _STAMP.sub(b"", piece, count=1) if line and _STAMP.match(piece) else piece
        if line.endswith(b"\n"):
            yield line[:-1]
            line = b""
    if line:
        yield line
