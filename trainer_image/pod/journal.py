"""Everything that happened, numbered from 1 without a hole, on the volume: what `GET /v1/events` tells.

A full disk does not silence it: what cannot be written stays in memory and is written when it can be.
"""

import base64
import json
import os
import secrets
import threading
import time
from array import array
from bisect import bisect_right
from pathlib import Path
from typing import Any, Final

from trainer_image.pod import durable

_MOST_BYTES: Final = 1024**2
"""Of one answer, but for its first event, which may be longer."""


class Journal:
    """May be used from several threads. The file's first line names its epoch; line n + 1 is event n."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changed = threading.Condition()
        self._pending: list[bytes] = []
        self._begins: array[int] = array("Q")
        """Where each event begins in the file, those that wait to be written left out."""
        self._size = 0
        self.epoch = ""
        self.ends: dict[str, int] = {}
        """Of `log` and `event`: the first byte of their file that was not told yet."""
        self.attempts_ended: set[int] = set()
        self._file = self._open()

    @property
    def last(self) -> int:
        return len(self._begins) + len(self._pending)

    def append(self, kind: str, **fields: Any) -> None:
        with self._changed:
            event = {"n": self.last + 1, "time": time.time(), "kind": kind, **fields}
            self._note(event)
            self._pending.append(json.dumps(event).encode() + b"\n")
            self._write_pending()
            self._changed.notify_all()

    def after(self, number: int, *, wait_seconds: float = 0) -> list[dict[str, Any]]:
        """The events after that one; if there are none, those that come within so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self.last > number, timeout=wait_seconds)
            lines = self._stored(number) or self._unstored(number)
        return [json.loads(line) for line in lines]

    def _stored(self, number: int) -> list[bytes]:
        if number >= len(self._begins) or self._file is None:
            return []
        begin = self._begins[number]
        beyond = bisect_right(self._begins, begin + _MOST_BYTES, lo=number + 1)
        end = self._begins[beyond] if beyond < len(self._begins) else self._size
        return os.pread(self._file, end - begin, begin).splitlines()

    def _unstored(self, number: int) -> list[bytes]:
        return self._pending[max(number - len(self._begins), 0) :]

    def _open(self) -> int | None:
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            self._read(file)
        except OSError:  # it begins anew, in memory: the pod is still to be looked after
            self.epoch = secrets.token_hex(8)
            self._begins, self._size = array("Q"), 0
            return None
        self.epoch = self.epoch or secrets.token_hex(8)
        return file

    def _read(self, file: int) -> None:
        """Take what is whole; a line that a kill tore off is cut away."""
        with open(file, "rb", closefd=False) as lines:
            for line in lines:
                event = _parse(line)
                if not self.epoch and event and "epoch" in event:
                    self.epoch = str(event["epoch"])
                elif event is not None and self.epoch and event.get("n") == len(self._begins) + 1:
                    self._note(event)
                    self._begins.append(self._size)
                else:
                    break
                self._size += len(line)
        os.ftruncate(file, self._size)

    def _note(self, event: dict[str, Any]) -> None:
        if event["kind"] in {"log", "event"}:
            self.ends[event["kind"]] = event["at"] + len(bytes_of(event))
        if event["kind"] == "exit":
            self.attempts_ended.add(event["attempt"])

    def _write_pending(self) -> None:
        if self._file is None:
            return
        header = b"" if self._size else json.dumps({"epoch": self.epoch}).encode() + b"\n"
        if not self._write(self._file, header + b"".join(self._pending)):
            return
        self._size += len(header)
        for line in self._pending:
            self._begins.append(self._size)
            self._size += len(line)
        self._pending.clear()

    def _write(self, file: int, data: bytes) -> bool:
        """All of it or nothing."""
        for attempt in range(2):
            try:
                written = os.pwrite(file, data, self._size)
                if written == len(data):
                    return True
            except OSError as error:
                if not durable.is_full(error):
                    return False
            if attempt or not durable.release_spare(self._path.parent):
                break
        os.ftruncate(file, self._size)
        return False


def line_event(line: bytes) -> dict[str, str]:
    """How an event holds a line, its end left out."""
    try:
        return {"line": line.decode()}
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(line).decode()}


def bytes_of(event: dict[str, Any]) -> bytes:
    """The line that an event holds, with its end."""
    return (base64.b64decode(event["b64"]) if "b64" in event else event["line"].encode()) + b"\n"


def _parse(line: bytes) -> dict[str, Any] | None:
    if not line.endswith(b"\n"):
        return None
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None
