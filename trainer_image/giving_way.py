"""A working process lets the window and its drawing go first."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

NICENESS: Final = 5


def give_way(*, spins: int = 0) -> None:
    """Lower this process, which leads a session of its own, and `wait_asleep`.

    Linux weighs sessions against each other before it looks at the processes in them (autogroup, where no
    control group weighs instead), so its session is lowered too. On Windows whoever starts it lowers it.
    """
    wait_asleep(spins=spins)
    if sys.platform != "win32":
        os.nice(NICENESS)
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(NICENESS))


def wait_asleep(*, spins: int = 0) -> None:
    """Threads that compute sleep while they wait for each other, after so many `spins`.

    To be called before torch is imported. As OpenMP has it, they spin for milliseconds, on cores of which the
    one that they wait for may need one: beside a single busy program on two cores a step took sixty times as
    long (docs/measured/threads.md). What a person has said about it stands. `spins` is for GNU's OpenMP,
    which PyTorch has on Linux.
    """
    if "OMP_WAIT_POLICY" in os.environ:
        return
    os.environ["OMP_WAIT_POLICY"] = "passive"
    if spins:
        os.environ.setdefault("GOMP_SPINCOUNT", str(spins))
