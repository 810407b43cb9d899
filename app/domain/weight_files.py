"""In which files the weights of a model lie: one, or several that an index names."""

import json
from typing import Any, Final

WHOLE_WEIGHTS: Final = ("model.safetensors", "pytorch_model.bin")
"""Of a model in one file, the newer form first."""


def index_of(weights: str) -> str:
    """What the index is called where `weights` would be the one file."""
    return f"{weights}.index.json"


def parts_named_in(index: bytes) -> frozenset[str]:
    """The files that an index names. Raises ValueError where it is none."""
    found: Any = json.loads(index)
    parts = found.get("weight_map") if isinstance(found, dict) else None
    if not isinstance(parts, dict) or not all(isinstance(part, str) for part in parts.values()):
        raise ValueError("this is no index of weights")
    return frozenset(parts.values())
