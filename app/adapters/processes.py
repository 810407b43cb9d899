"""Who is alive on this computer."""

import os
from typing import Final

import psutil

_SAME_START_SECONDS: Final = 1.0
"""psutil derives the start from the clock's idea of when the computer booted, which time servers nudge."""


class SystemProcesses:
    """Processes by "pid:start time", so that a recycled pid is not taken for the old process."""

    def me(self) -> str:
        pid = os.getpid()
        return f"{pid}:{psutil.Process(pid).create_time():.2f}"

    def is_alive(self, owner: str) -> bool:
        """False also for what is no owner at all, and for a process that ended but was not yet collected."""
        pid, _, started = owner.partition(":")
        try:
            process = psutil.Process(int(pid))
            same = abs(process.create_time() - float(started)) < _SAME_START_SECONDS
            return same and process.status() != psutil.STATUS_ZOMBIE
        except (ValueError, OverflowError, psutil.NoSuchProcess):
            return False
        except psutil.AccessDenied:
            return True  # somebody is there, and what may be alive is left alone
