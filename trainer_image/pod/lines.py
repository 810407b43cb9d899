"""Two files whose lines are told as events: the supervisor's log, and what the trainer reports."""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from trainer_image.pod import durable
from trainer_image.pod.journal import Journal, bytes_of, line_event

_AT_ONCE: Final = 1024**2


class ToldFile:
    """Tells each new whole line of a file that others write."""

    def __init__(self, path: Path, journal: Journal, kind: str) -> None:
        self._path = path
        self._journal = journal
        self._kind = kind
        self._lock = threading.Lock()

    def begin_here(self) -> None:
        """What stands in the file before any of it was told came with an upload: the app has it. What an
        upload has added later is told, as the app cannot know where the pod's own lines ended."""
        if self._kind in self._journal.ends:
            self.tell()
        else:
            self._journal.ends[self._kind] = _size(self._path)

    def tell(self) -> None:
        with self._lock, suppress(OSError), self._path.open("rb") as file:
            at = self._journal.ends.get(self._kind, 0)
            file.seek(at)
            while lines := file.readlines(_AT_ONCE):
                for line in lines:
                    if not line.endswith(b"\n"):
                        return
                    self._journal.append(self._kind, at=at, **line_event(line[:-1]))
                    at += len(line)


class Log:
    """`log.txt`: written, told and printed line by line, without the secrets.

    On a full disk lines are told all the same; they are put into the file when there is room again.
    """

    def __init__(self, path: Path, journal: Journal, say: Callable[[str], None]) -> None:
        self._path = path
        self._journal = journal
        self._say = say
        self._unwritten = b""
        self.told = ToldFile(path, journal, "log")
        self.secrets: tuple[str, ...] = ()

    def catch_up(self) -> None:
        """After a restart: tell what was written only, write what was told only."""
        self.told.tell()
        end, size = self._journal.ends.get("log", 0), _size(self._path)
        if size > end:
            self._end_torn_line()
        elif size < end:
            told = self._journal.after(0)
            while told:
                for event in told:
                    if event["kind"] == "log" and event["at"] >= size:
                        self._unwritten += bytes_of(event)
                told = self._journal.after(told[-1]["n"])
            self._write()

    def add(self, text: str) -> None:
        for secret in self.secrets:
            text = text.replace(secret, "[token]")
        line = text.encode(errors="replace")
        at = max(self._journal.ends.get("log", 0), _size(self._path) + len(self._unwritten))
        self._unwritten += line + b"\n"
        self._write()
        self._journal.append("log", at=at, **line_event(line))
        self._say(text)

    def _end_torn_line(self) -> None:
        with suppress(OSError), self._path.open("ab") as file:
            file.write(b"\n")
        self.told.tell()

    def _write(self) -> None:
        folder = self._path.parent / ".pod"
        for _ in range(2):
            try:
                with self._path.open("ab", buffering=0) as file:
                    written = file.write(self._unwritten) or 0
            except OSError as error:
                if not durable.is_full(error) or not durable.release_spare(folder):
                    return
            else:
                self._unwritten = self._unwritten[written:]
                if not self._unwritten:
                    return


def _size(path: Path) -> int:
    with suppress(OSError):
        return os.stat(path).st_size
    return 0
