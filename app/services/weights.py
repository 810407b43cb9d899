"""How many weights lie in a folder, told from the headers of its safetensors files."""

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

_LONGEST_HEADER: Final = 100_000_000
_FACTORS: Final = ("U_high", "S_high", "V_high", "U_low", "S_low", "V_low")
"""What a checkpoint of OSFT has in the place of a matrix, as `trainer_image.subspace` writes it."""

Headers = Mapping[str, Mapping[str, Any]]


def parameters_in(folder: Path) -> int | None:
    """None where there are none, or they cannot be read. Of a factored matrix those that its parts make."""
    headers = _headers(folder)
    try:
        return sum(_weights(name, headers) for name in headers) if headers else None
    except (KeyError, TypeError, IndexError):
        return None


def bytes_a_weight(folder: Path) -> float | None:
    """As they are stored, on the average; None where that cannot be read."""
    headers = _headers(folder)
    try:
        count = sum(math.prod(entry["shape"]) for entry in headers.values())
        held = sum(entry["data_offsets"][1] - entry["data_offsets"][0] for entry in headers.values())
    except (KeyError, TypeError, IndexError):
        return None
    return held / count if count else None


def is_factored(folder: Path) -> bool:
    """A checkpoint of an OSFT run, whose matrices are kept in parts."""
    return any(name.endswith(f".{_FACTORS[0]}") for name in _headers(folder))


def _weights(name: str, headers: Headers) -> int:
    shape = headers[name]["shape"]
    matrix, _, part = name.rpartition(".")
    if part not in _FACTORS:
        return math.prod(shape)
    return shape[0] * headers[f"{matrix}.V_high"]["shape"][1] if part == _FACTORS[0] else 0


def _headers(folder: Path) -> Headers:
    """What each tensor is; empty where one file cannot be read."""
    found: dict[str, Mapping[str, Any]] = {}
    try:
        for path in sorted(folder.glob("*.safetensors")):
            found.update(_header(path))
    except (OSError, ValueError, struct.error):
        return {}
    return found


def _header(path: Path) -> dict[str, Mapping[str, Any]]:
    """The file begins with the length of a JSON header, eight bytes, little-endian."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > _LONGEST_HEADER:
            raise ValueError("no header is that long")
        header = json.loads(file.read(length))
    return {name: entry for name, entry in header.items() if name != "__metadata__"}


def bytes_in(folder: Path) -> int:
    """Of all its files; what cannot be looked at counts as nothing."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue
    return total
