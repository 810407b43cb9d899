"""Processes of runs on this computer: which one is meant, whether it lives, and how to end it."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import psutil

from app.adapters.processes import start_of

_LATER: Final = 10.0
"""Where /proc is missing the supervisor notes the time now as a start: seconds late at most."""


def living(pid: int, started: float, folder: str) -> psutil.Process | None:
    """The process that was meant when `pid` and `started` were noted for the run in `folder`, if it lives.

    Another program that got the same id later is never returned.
    """
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            if process.status() == psutil.STATUS_ZOMBIE or folder not in process.cmdline():
                return None
            return process if _is_start(process, started) else None
    except (psutil.Error, OSError):
        return None


def find_supervisor(folder: Path, attempt: int) -> psutil.Process | None:
    """The supervisor of an attempt, by its command line: it runs a moment before it writes job.json."""
    wanted = ["--run-dir", str(folder), "--attempt", str(attempt), "--"]
    for process in psutil.process_iter():
        try:
            command = process.cmdline()
        except psutil.Error:
            continue
        if any(command[i : i + 5] == wanted for i in range(len(command))):
            return process
    return None


def with_children(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """The processes and all that they started, without repeats."""
    found: dict[int, psutil.Process] = {}
    for process in processes:
        try:
            tree = [process, *process.children(recursive=True)]
        except psutil.Error:
            continue
        found.update({member.pid: member for member in tree})
    return list(found.values())


def kill(processes: Iterable[psutil.Process], *, patience_seconds: float) -> bool:
    """End processes by force; whether all are gone."""
    processes = list(processes)
    for process in processes:
        try:
            process.kill()  # psutil makes sure that the id has not been recycled
        except psutil.Error:
            continue
    _, rest = psutil.wait_procs(processes, timeout=patience_seconds)
    return not any(_is_alive(process) for process in rest)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _is_start(process: psutil.Process, started: float) -> bool:
    later = started - start_of(process)
    return later == 0 if sys.platform == "linux" else -1 <= later <= _LATER
