"""What Runpod's own log says of a pod that itself says nothing: an independent copy, never taken for the log.

It lies beside the run's log and is dropped as soon as the pod answers, whose lines are then mirrored byte for
byte; so nothing stands there twice. Of a pod that is gone it becomes the end of the log, marked as a copy.
"""

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from app.domain.errors import TargetError
from app.domain.rentals import Rental
from app.domain.runpod_ports import LogLine, RunpodCloud
from app.domain.runs import LOG_COPY_FILE, LOG_FILE

MARKER: Final = "@@studio "
_NOTICE: Final = "[tunewright] "
KEPT: Final = f"{_NOTICE}The pod could not be asked any more. From here on it is Runpod's copy of its log:"
_TAIL: Final = 1000
_MATCHED: Final = 20
_SECONDS: Final = 3.0
"""The log never ends by itself."""


class LogCopy:
    """Of one pod's log. What it remembers only saves work: a new one begins at the newest lines."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOG_COPY_FILE
        self._log = folder / LOG_FILE
        self._cursor = ""

    @property
    def is_there(self) -> bool:
        return self._path.is_file()

    def read(self, cloud: RunpodCloud, rental: Rental) -> int | None:
        """Bring the lines that came since; how the training ended, if they say so. Takes a few seconds."""
        lines = _asked(cloud, rental.pod_id, self._cursor)
        texts = [line.text for line in lines if not line.text.startswith((MARKER, _NOTICE))]
        if self._cursor:
            self._write(texts, "a")
        elif lines:
            self._write(behind(texts, _last_lines(self._log)), "w")
        if lines:
            self._cursor = lines[-1].cursor
        codes = [code for line in lines if (code := _exit(line.text)) is not None]
        return codes[-1] if codes else None

    def drop(self) -> None:
        """The pod answers again: its own lines come."""
        self._path.unlink(missing_ok=True)
        self._cursor = ""

    def keep(self) -> None:
        """The pod is gone: nobody will say it better. Where not one line of the log came, the copy stays what
        it is: a pod on the same volume may still tell the log from its beginning."""
        if not self.is_there or not self._log.is_file():
            return
        with self._log.open("ab") as log:
            log.write(KEPT.encode() + b"\n" + self._path.read_bytes())
        self.drop()

    def _write(self, texts: Sequence[str], mode: str) -> None:
        if not texts:
            return
        with self._path.open(mode, encoding="utf-8", errors="replace") as file:
            file.writelines(f"{text}\n" for text in texts)


def behind(lines: Sequence[str], known: Sequence[str]) -> Sequence[str]:
    """Of `lines` those that come after the last of `known`; all if it does not stand among them."""
    for size in range(min(len(known), _MATCHED), 0, -1):
        last = list(known[-size:])
        for end in range(len(lines), size - 1, -1):
            if list(lines[end - size : end]) == last:
                return lines[end:]
    return lines


def _last_lines(path: Path) -> Sequence[str]:
    try:
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - 64 * 1024, 0))
            return file.read().decode(errors="replace").split("\n")[:-1][-_MATCHED:]
    except OSError:
        return ()


def _asked(cloud: RunpodCloud, pod_id: str, cursor: str) -> Sequence[LogLine]:
    """What there is now, or comes within seconds; nothing where the log cannot be had."""
    found: list[LogLine] = []
    try:
        stream = cloud.log(pod_id, after=cursor, tail=_TAIL, source="container")
    except TargetError:
        return found
    enough = threading.Timer(_SECONDS, stream.close)
    enough.daemon = True
    enough.start()
    try:
        for line in stream:
            found.append(line)
            if len(found) >= _TAIL or _exit(line.text) is not None:
                break
    except TargetError:
        return found
    finally:
        enough.cancel()
        stream.close()
    return found


def _exit(line: str) -> int | None:
    if not line.startswith(MARKER):
        return None
    try:
        told = json.loads(line.removeprefix(MARKER))
        return int(told["code"]) if told.get("event") == "exit" else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
