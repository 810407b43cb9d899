"""Become a program that the kernel kills when the one that started it dies.

    python tied.py PARENT PROGRAM ARGUMENTS…

In a container that happens by itself; elsewhere a training must not outlive its supervisor, which would
continue it a second time.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(sys.argv[1]):  # it died before
        os._exit(127)
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606
