"""The log as the screen holds it: the newest lines in chunks, so that a burst costs few controls."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

LINES_PER_CHUNK: Final = 25
LINES_KEPT: Final = 5_000
_LONGEST_LINE: Final = 2_000


@dataclass(frozen=True)
class LogChunk:
    """Up to `LINES_PER_CHUNK` lines; `number` never changes, so it can be a control's key."""

    number: int
    text: str
    line_count: int


class LogBuffer:
    """Keeps whole chunks; the oldest go first. Lines longer than a screen can use are cut."""

    def __init__(self, *, lines_per_chunk: int = LINES_PER_CHUNK, lines_kept: int = LINES_KEPT) -> None:
        self._size = lines_per_chunk
        self._chunks: deque[LogChunk] = deque(maxlen=max(lines_kept // lines_per_chunk, 1))
        self._next = 0

    def add(self, text: str) -> None:
        """Append whole lines."""
        lines = [_shown(line) for line in text.removesuffix("\n").split("\n")] if text else []
        if self._chunks and lines and self._chunks[-1].line_count < self._size:
            last = self._chunks.pop()
            room = self._size - last.line_count
            fresh, lines = lines[:room], lines[room:]
            grown = "\n".join([last.text, *fresh])
            self._chunks.append(LogChunk(last.number, grown, last.line_count + len(fresh)))
        for start in range(0, len(lines), self._size):
            self._append(lines[start : start + self._size])

    def newest_first(self) -> Iterator[LogChunk]:
        return reversed(self._chunks)

    @property
    def line_count(self) -> int:
        return sum(chunk.line_count for chunk in self._chunks)

    def _append(self, lines: Sequence[str]) -> None:
        self._chunks.append(LogChunk(self._next, "\n".join(lines), len(lines)))
        self._next += 1


def _shown(line: str) -> str:
    """What a terminal would show: after a carriage return the line is written over."""
    line = line.rstrip("\r").rsplit("\r", 1)[-1]
    return line if len(line) <= _LONGEST_LINE else line[:_LONGEST_LINE] + " …"
