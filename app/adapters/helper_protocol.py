"""What the app and its helper process say to each other: pickled objects, one a line.

Both ends are the same program over two private pipes, so what is unpickled was pickled by ourselves.
"""

import base64
import pickle
from dataclasses import dataclass
from typing import Any, Final

from app.domain.errors import StudioError

BEAT_SECONDS: Final = 0.2
"""So often the helper says how far it is, and hears whether it is to stop."""


@dataclass(frozen=True)
class Told:
    """How far the work is. `news` is None before the first of it."""

    news: Any


@dataclass(frozen=True)
class Done:
    result: Any


@dataclass(frozen=True)
class Failed:
    error: StudioError


def encode(said: Any) -> bytes:
    return base64.b64encode(pickle.dumps(said)) + b"\n"


def decode(line: bytes) -> Any:
    return pickle.loads(base64.b64decode(line))  # noqa: S301 - see above
