"""What tells one base model from another that goes by the same name: the sizes and samples of its weights.

Samples, because a large model has more bytes than a resume should have to read. Imports no training library.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from trainer_image.downloading import WEIGHTS, cached

_SAMPLES: Final = 64
_SAMPLE_BYTES: Final = 4096


def print_of(model: str) -> str | None:
    """Of a folder, or of a model of the Hub in the cache; None if there are no weights to look at.

    Alike wherever the same files lie.
    """
    folder = Path(model) if os.path.isabs(model) else _snapshot(model)
    if folder is None:
        return None
    digest = hashlib.sha256()
    files = next(filter(None, (sorted(folder.glob(kind)) for kind in WEIGHTS)), [])
    try:
        for path in files:
            digest.update(f"{path.name} {path.stat().st_size}\n".encode())
            for sample in _samples(path):
                digest.update(sample)
    except OSError:
        return None
    return digest.hexdigest() if files else None


def _snapshot(model: str) -> Path | None:
    config = cached(model, "config.json")
    return config.parent if config else None


def _samples(path: Path) -> Iterator[bytes]:
    """All of a small file; of a large one its beginning, its end and parts in between."""
    with path.open("rb") as file:
        last = max(path.stat().st_size - _SAMPLE_BYTES, 0)
        for at in range(_SAMPLES):
            file.seek(last * at // (_SAMPLES - 1))
            yield file.read(_SAMPLE_BYTES)
