"""One launch of `train.py`: its lines and events are told, its signals sent, its end noticed."""

import fcntl
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from trainer_image.pod.lines import Log, ToldFile
from trainer_image.pod.processes import Processes, end_session
from trainer_image.pod.settings import Settings

_LOOK_EVERY_SECONDS: Final = 0.2
_LONGEST_LINE: Final = 64 * 1024
_PATIENCE_SECONDS: Final = {"save": 300.0, "leave": 15.0}


class AnotherTrainsError(Exception):
    """On this machine a trainer of the same folder is still alive."""


class Training:
    """At most one at a time. `on_end` is called from a thread of its own when all was told."""

    def __init__(
        self,
        settings: Settings,
        processes: Processes,
        log: Log,
        events: ToldFile,
        on_end: Callable[[int], None],
    ) -> None:
        self._settings = settings
        self._processes = processes
        self._log = log
        self._events = events
        self._on_end = on_end
        self._pid: int | None = None
        """Changed in the main thread only."""

    def start(
        self,
        attempt: int,
        options: Sequence[str],
        environment: Mapping[str, str],
        secrets: Mapping[str, str],
    ) -> None:
        """Raises OSError, or AnotherTrainsError; then nothing was started."""
        run_dir = self._settings.run_dir
        lock = self._lock()
        reader, writer = os.pipe()
        command = [sys.executable, "-u", str(self._settings.trainer), "--run-dir", str(run_dir)]
        ended = threading.Event()
        exit_code: list[int] = []

        def on_start(pid: int) -> None:
            self._pid = pid

        def on_exit(code: int) -> None:
            self._pid = None
            exit_code.append(code)
            ended.set()

        try:
            self._log.secrets = tuple(secret for secret in secrets.values() if secret)
            self._processes.start(
                [*command, "--attempt", str(attempt), *options],
                {**self._settings.trainer_environment, **environment, **secrets},
                output=writer,
                keep_open=lock,
                on_start=on_start,
                on_exit=on_exit,
            )
        except OSError:
            os.close(reader)
            raise
        finally:
            os.close(writer)
            os.close(lock)  # the trainer holds it on
        threading.Thread(target=self._follow, args=(reader, ended, exit_code), daemon=True).start()

    def stop(self, wish: str) -> None:
        """Ask it to leave, and end it by force if it does not."""
        pid = self._pid
        if pid is None:
            return
        self.send(signal.SIGTERM if wish == "save" else signal.SIGINT)
        by_force = threading.Timer(_PATIENCE_SECONDS[wish], self._end_by_force, args=(pid,))
        by_force.daemon = True
        by_force.start()

    def send(self, number: signal.Signals) -> None:
        self._processes.do(lambda: self._send(number))

    def _send(self, number: signal.Signals) -> None:
        """In the main thread, where its id cannot become another's meanwhile."""
        if self._pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self._pid, number)

    def _end_by_force(self, pid: int) -> None:
        self._processes.do(lambda: end_session(pid) if self._pid == pid else None)

    def _follow(self, reader: int, ended: threading.Event, exit_code: list[int]) -> None:
        lines = threading.Thread(target=self._tee, args=(reader,), daemon=True)
        lines.start()
        while not ended.wait(_LOOK_EVERY_SECONDS):
            self._events.tell()
        while lines.is_alive():  # somebody still holds the trainer's output
            self._processes.end_orphans()
            lines.join(_LOOK_EVERY_SECONDS)
        self._events.tell()
        self._log.secrets = ()
        self._on_end(exit_code[0])

    def _tee(self, reader: int) -> None:
        with open(reader, "rb") as output:
            while line := output.readline(_LONGEST_LINE):
                self._log.add(line.rstrip(b"\r\n").decode(errors="replace"))

    def _lock(self) -> int:
        path: Path = self._settings.own_dir / "lock"
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise AnotherTrainsError from None
        except OSError:  # a file system without locks: in a container nobody else is there
            pass
        return lock
