"""Stays with one run: starts it, keeps its log, passes stop signals on, and records how it ended.

    python supervisor.py --run-dir DIR --attempt N -- COMMAND…

Writes `job.json` when the run starts and `exit.json` when it has ended, so that an app that was closed
meanwhile finds out. The run gets its own session: a signal sent to the supervisor's whole process group
reaches it once, forwarded, not twice (the second would make it leave without saving).
Standard library only; the first process in the container image.
"""

import argparse
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Final

LOG_FILE: Final = "log.txt"
JOB_FILE: Final = "job.json"
EXIT_FILE: Final = "exit.json"
_FORWARDED: Final = (
    signal.SIGTERM,
    signal.SIGINT,
    *((signal.SIGUSR1,) if hasattr(signal, "SIGUSR1") else ()),
)
_PR_SET_PDEATHSIG: Final = 1
_NOT_STARTED: Final = 127


def main(argv: list[str]) -> int:
    args = _parse(argv)
    child: subprocess.Popen[bytes] | None = None
    early: list[int] = []

    def forward(number: int, _frame: FrameType | None) -> None:
        if child is None:
            early.append(number)
        elif child.poll() is None:
            child.send_signal(number)

    for forwarded in _FORWARDED:
        signal.signal(forwarded, forward)
    try:
        log = (args.run_dir / LOG_FILE).open("ab", buffering=0)
    except OSError as error:
        print(f"{error.filename} cannot be written: {error.strerror}", file=sys.stderr)  # noqa: T201
        return _ended(args.run_dir, args.attempt, _NOT_STARTED)
    with log:
        try:
            child = _start(args.command, log.fileno())
        except OSError as error:
            log.write(f"The run could not be started: {error}\n".encode())
            return _ended(args.run_dir, args.attempt, _NOT_STARTED)
    _write(args.run_dir / JOB_FILE, _job(args.attempt, child.pid))
    for number in tuple(early):
        child.send_signal(number)
    return _ended(args.run_dir, args.attempt, child.wait())


def start_time(pid: int) -> float:
    """When a process started, in clock ticks since boot where /proc exists, else the time now.

    A process id alone is reused; together with this it names one process.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return float(stat.rpartition(")")[2].split()[19])  # field 22; the name may contain spaces
    except (OSError, IndexError, ValueError):
        return time.time()


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Start a run, keep its log and record how it ends.")
    parser.add_argument("--run-dir", type=Path, required=True)
    parser.add_argument("--attempt", type=int, required=True)
    parser.add_argument("command", nargs="+", help="after --")
    return parser.parse_args(argv)


def _start(command: list[str], log: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        preexec_fn=_stop_with_parent() if sys.platform == "linux" else None,  # noqa: PLW1509 single thread
    )


def _stop_with_parent() -> Callable[[], None]:
    """Linux: have the kernel send the run SIGTERM when this process is killed, so that it saves and ends."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    supervisor = os.getpid()

    def in_child() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != supervisor:  # it died between fork and prctl
            os._exit(_NOT_STARTED)

    return in_child


def _job(attempt: int, child: int) -> dict[str, float]:
    own = os.getpid()
    return {
        "attempt": attempt,
        "supervisor_pid": own,
        "supervisor_started": start_time(own),
        "child_pid": child,
        "child_started": start_time(child),
    }


def _ended(run_dir: Path, attempt: int, code: int) -> int:
    _write(run_dir / EXIT_FILE, {"attempt": attempt, "exit_code": code, "ended_at": time.time()})
    return code if code >= 0 else 128 - code


def _write(path: Path, content: dict[str, float]) -> None:
    """Write whole or not at all. A full disk must not keep the supervisor from waiting for the run."""
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(json.dumps(content), encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        print(f"{path.name} could not be written: {error.strerror}", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
