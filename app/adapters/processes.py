"""Who is alive on this computer."""

import os
import sys
from pathlib import Path
from typing import Final

import psutil

_SAME_START: Final = 1.0


def start_of(process: psutil.Process) -> float:
    """When it started: in clock ticks since boot on Linux, where psutil's answer moves with the clock, else
    in seconds. Raises OSError or psutil.Error if it is gone."""
    if sys.platform != "linux":
        return process.create_time()
    stat = Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8", errors="replace")
    return float(stat.rpartition(")")[2].split()[19])  # field 22; the name may contain spaces


class SystemProcesses:
    """Processes by "pid:start time", so that a recycled pid is not taken for the old process."""

    def me(self) -> str:
        pid = os.getpid()
        return f"{pid}:{start_of(psutil.Process(pid)):.2f}"

    def is_alive(self, owner: str) -> bool:
        """False also for what is no owner at all, and for a process that ended but was not yet collected."""
        pid, _, started = owner.partition(":")
        try:
            process = psutil.Process(int(pid))
            same = abs(start_of(process) - float(started)) < _SAME_START
            return same and process.status() != psutil.STATUS_ZOMBIE
        except (PermissionError, psutil.AccessDenied):
            return True  # somebody is there, and what may be alive is left alone
        except (ValueError, OverflowError, OSError, psutil.NoSuchProcess):
            return False
