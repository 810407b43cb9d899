"""Sizes of files as people read them: counted in powers of ten, as disks are sold."""

from typing import Final

_UNITS: Final = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


def sized(size: int, *, beside: int = 0) -> str:
    """In the unit in which it, or a larger one beside it, has a digit before the point: 1.5 GB, 812 bytes."""
    for unit, of in _UNITS:
        if max(size, beside) >= of:
            return f"{size / of:.1f} {unit}"
    return f"{size} byte{'s' * (size != 1)}"


def sized_of(done: int, whole: int) -> str:
    """How much of a whole, both in the whole's unit: 0.3 of 1.5 GB."""
    return f"{sized(done, beside=whole).split()[0]} of {sized(whole)}"
