"""The memory of this computer, for runs without a GPU."""

import psutil


def computer_memory() -> tuple[int, int]:
    """(all of it, what is available now) in bytes."""
    memory = psutil.virtual_memory()
    return int(memory.total), int(memory.available)
