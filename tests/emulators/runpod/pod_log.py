"""Lines of one pod, and waiting for more of them."""

from dataclasses import dataclass
from threading import Condition

from tests.emulators.runpod.clock import Clock, written


@dataclass(frozen=True)
class Line:
    number: int
    ts: str
    source: str
    line: str

    @property
    def id(self) -> str:
        return f"{self.ts}/{self.number:012d}"


class PodLog:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed = Condition()
        self.lines: list[Line] = []
        self.is_closed = False

    def add(self, source: str, text: str) -> None:
        with self._changed:
            self.lines.append(Line(len(self.lines) + 1, written(self._clock.now()), source, text))
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self.is_closed = True
            self._changed.notify_all()

    def wait(self, known: int, seconds: float) -> list[Line]:
        """Those after the first `known` lines; empty if none came in time or the log is closed."""
        with self._changed:
            self._changed.wait_for(lambda: len(self.lines) > known or self.is_closed, seconds)
            return self.lines[known:]

    def text(self) -> str:
        return "\n".join(line.line for line in self.lines)
