"""Starts programs and reaps whatever ends: the duties of a container's first process.

All of it happens in the main thread. A program is tied to the *thread* that started it (prctl(2),
PR_SET_PDEATHSIG), and nobody else may wait for a process that is reaped here.
"""

import ctypes
import os
import queue
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Final

_PR_SET_CHILD_SUBREAPER: Final = 36
_TIED: Final = str(Path(__file__).with_name("tied.py"))
_KEPT_OPEN: Final = 9
"""The number under which a program inherits a file that it is to keep open."""


class Processes:
    """Make it, and `serve`, in the main thread; the rest may be called from any other."""

    def __init__(self) -> None:
        self._acts: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._on_exit: dict[int, Callable[[int], None]] = {}
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
        signal.signal(signal.SIGCHLD, lambda *_: self._acts.put(self._reap))

    def serve(self) -> None:
        """Until `leave`."""
        while act := self._acts.get():
            act()

    def leave(self) -> None:
        self._acts.put(None)

    def do(self, act: Callable[[], None]) -> None:
        """In the main thread, soon; may be called by a signal handler."""
        self._acts.put(act)

    def start(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        output: int,
        keep_open: int | None = None,
        on_start: Callable[[int], None] = lambda _: None,
        on_exit: Callable[[int], None],
    ) -> None:
        """In a session of its own. `on_start` gets its id; `on_exit` its exit code, 128 + n for signal n,
        when nothing of the session is left; both in the main thread. Raises OSError."""
        started: Future[None] = Future()

        def act() -> None:
            try:
                pid = _spawn(command, environment, output, keep_open)
            except OSError as error:
                started.set_exception(error)
                return
            self._on_exit[pid] = on_exit
            on_start(pid)
            started.set_result(None)

        self._acts.put(act)
        started.result()

    def end_orphans(self) -> None:
        """Whatever a program that has ended left behind, in sessions of its own too: it came to this process.
        What they leave comes here in turn, so this is for calling again."""
        self._acts.put(self._end_orphans)

    def _end_orphans(self) -> None:
        for pid in _children(os.getpid()) - self._on_exit.keys():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _reap(self) -> None:
        with suppress(ChildProcessError):
            while found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                pid = found.si_pid
                on_exit = self._on_exit.pop(pid, None)
                if on_exit:  # before its id can become another's
                    end_session(pid)
                _, status = os.waitpid(pid, 0)
                code = os.waitstatus_to_exitcode(status)
                if on_exit:
                    on_exit(code if code >= 0 else 128 - code)


def _children(parent: int) -> set[int]:
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, IndexError):
            if int(stat.read_text(errors="replace").rpartition(")")[2].split()[1]) == parent:
                found.add(int(stat.parent.name))
    return found


def end_session(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _spawn(command: Sequence[str], environment: Mapping[str, str], output: int, keep_open: int | None) -> int:
    nothing = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
    kept = [] if keep_open is None else [(os.POSIX_SPAWN_DUP2, keep_open, _KEPT_OPEN)]
    return os.posix_spawn(
        sys.executable,
        [sys.executable, "-I", "-S", _TIED, str(os.getpid()), *command],
        environment,
        # What is kept open comes last: the output may have that very number here.
        file_actions=[
            nothing,
            (os.POSIX_SPAWN_DUP2, output, 1),
            (os.POSIX_SPAWN_DUP2, output, 2),
            *kept,
        ],
        setsid=True,
        setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],
    )
