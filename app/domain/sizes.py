"""Sizes of files as people read them: counted in powers of ten, as disks are sold."""

from typing import Final

_UNITS: Final = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


def sized(size: int) -> str:
    """From the unit in which it has a digit before the point: 1.5 GB, 34.0 kB, 812 bytes."""
    for unit, of in _UNITS:
        if size >= of:
            return f"{size / of:.1f} {unit}"
    return f"{size} byte{'s' * (size != 1)}"


def sized_of(done: int, whole: int) -> str:
    """How much of a whole, both in the whole's unit: 0.3 of 1.5 GB."""
    unit, of = next(((unit, of) for unit, of in _UNITS if whole >= of), ("bytes", 1))
    return f"{done / of:.1f} of {whole / of:.1f} {unit}" if of > 1 else f"{done} of {whole} bytes"
