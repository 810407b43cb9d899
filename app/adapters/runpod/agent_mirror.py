"""The pod's `log.txt` and `events.jsonl`, byte for byte, in the run's folder of this computer.

Where a line belongs is said by its place in the file, so that nothing is lost or doubled whatever was cut,
repeated or restarted, here or there.
"""

import base64
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.adapters.runpod.agent import PodAgent
from app.domain.errors import TargetError

CURSOR_FILE: Final = "pod-cursor.json"
_FILES: Final = {"log": "log.txt", "event": "events.jsonl"}


@dataclass(frozen=True)
class PodEvent:
    """What the supervisor itself says: a `phase`, a `notice`, the `exit`."""

    number: int
    time: float
    kind: str
    fields: Mapping[str, Any]


class _HoleError(Exception):
    """Bytes are missing before this line. Never leaves this module."""

    def __init__(self, name: str, begin: int, end: int) -> None:
        super().__init__(name)
        self.name, self.begin, self.end = name, begin, end


class RunMirror:
    """Of one run's folder, which exists. How far it was read is kept there, as a hint only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._after = 0
        self._of: tuple[str, int] | None = None
        self._read_cursor()

    def bring_up_to_date(self, agent: PodAgent, *, wait_seconds: int = 0) -> Sequence[PodEvent]:
        """All there is now, or what comes within so many seconds; what the supervisor said among it.

        After a restart of the pod it may be said again. Raises TargetError.
        """
        said: list[PodEvent] = []
        filled = False
        while True:
            try:
                more, is_last = self._next(agent, wait_seconds)
            except _HoleError as hole:
                if self._after == 0 or filled:
                    self._fill(agent, hole)
                filled, self._after = True, 0
                continue
            said += more
            if is_last:
                self._write_cursor()
                return said
            wait_seconds = 0

    def _next(self, agent: PodAgent, wait_seconds: int) -> tuple[list[PodEvent], bool]:
        asked = {"after": self._after, "wait": wait_seconds}
        page = agent.ask("GET", "/v1/events", query=asked).json()
        of = (str(page["epoch"]), int(page["boots"]))
        if of != self._of and self._after:
            self._after, self._of = 0, of
            return [], False
        self._of = of
        said = [found for event in page["events"] if (found := self._take(event))]
        return said, self._after >= page["last"] or not page["events"]

    def _take(self, event: Mapping[str, Any]) -> PodEvent | None:
        kind, number = str(event["kind"]), int(event["n"])
        if kind in _FILES:
            self._put(_FILES[kind], int(event["at"]), _line(event))
        self._after = number
        if kind in _FILES:
            return None
        return PodEvent(number, float(event["time"]), kind, event)

    def _put(self, name: str, at: int, line: bytes) -> None:
        with (self._folder / name).open("ab+") as file:
            size = file.seek(0, os.SEEK_END)
            if at > size:
                raise _HoleError(name, size, at)
            if at < size:
                file.seek(at)
                found = file.read(len(line))
                if found == line:
                    return
                if not line.startswith(found) and (at == 0 or name == _FILES["event"]):
                    raise TargetError(
                        f"The pod's {name} does not go on where the one of this computer ends.",
                        "The run went on elsewhere meanwhile; start it as a new one.",
                    )
                file.truncate(at)  # torn here, or lost there on a full disk and a restart
            file.write(line)

    def _fill(self, agent: PodAgent, hole: _HoleError) -> None:
        """From the file itself: what stood in it before the pod began to tell came with an upload."""
        part = {"Range": f"bytes={hole.begin}-{hole.end - 1}"}
        content = agent.ask("GET", f"/v1/outputs/{hole.name}", headers=part).content
        if len(content) != hole.end - hole.begin:
            raise TargetError(f"The pod's {hole.name} has a gap.", "Stop the run and resume it.")
        with (self._folder / hole.name).open("ab") as file:
            file.write(content)

    def _read_cursor(self) -> None:
        with suppress(OSError, ValueError, KeyError, TypeError):
            found = json.loads((self._folder / CURSOR_FILE).read_bytes())
            self._of = (str(found["epoch"]), int(found["boots"]))
            self._after = int(found["after"])

    def _write_cursor(self) -> None:
        path = self._folder / CURSOR_FILE
        if self._of is None:
            return
        content = {"epoch": self._of[0], "boots": self._of[1], "after": self._after}
        partial = path.with_name(f"{CURSOR_FILE}.partial")
        with suppress(OSError):
            partial.write_text(json.dumps(content), encoding="utf-8")
            os.replace(partial, path)


def _line(event: Mapping[str, Any]) -> bytes:
    line = base64.b64decode(event["b64"]) if "b64" in event else str(event["line"]).encode()
    return line + b"\n"
