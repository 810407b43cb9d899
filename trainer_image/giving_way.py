"""A working process lets the window and its drawing go first."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

NICENESS: Final = 5


def give_way() -> None:
    """Lower this process, which leads a session of its own.

    Linux weighs sessions against each other before it looks at the processes in them (autogroup, where no
    control group weighs instead), so its session is lowered too. On Windows whoever starts it lowers it.
    """
    if sys.platform != "win32":
        os.nice(NICENESS)
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(NICENESS))
