"""How many weights lie in a folder, told from the headers of its safetensors files."""

import json
import math
import struct
from pathlib import Path
from typing import Final

_LONGEST_HEADER: Final = 100_000_000


def parameters_in(folder: Path) -> int | None:
    """None where there are none, or they cannot be read."""
    try:
        counts = [_in_file(path) for path in sorted(folder.glob("*.safetensors"))]
    except (OSError, ValueError, KeyError, TypeError, struct.error):
        return None
    return sum(counts) if counts else None


def _in_file(path: Path) -> int:
    """The file begins with the length of a JSON header, eight bytes, little-endian."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > _LONGEST_HEADER:
            raise ValueError("no header is that long")
        header = json.loads(file.read(length))
    return sum(math.prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")


def bytes_in(folder: Path) -> int:
    """Of all its files; what cannot be looked at counts as nothing."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue
    return total
