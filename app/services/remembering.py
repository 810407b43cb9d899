"""Remember for a while what somebody outside said, so that typing does not ask again with every letter."""

import math
import threading
import time
from collections.abc import Callable, Hashable
from typing import Final, TypeVar, cast

from app.domain.errors import StudioError

_GOOD_SECONDS: Final = 300.0
_BAD_SECONDS: Final = 20.0
"""Of a refusal: whoever then accepts terms or sets a token wants to see it soon."""

T = TypeVar("T")


class Remembering:
    """May be asked from several threads; of two that ask the same at once one waits for the other."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[Hashable, tuple[float, object]] = {}
        self._turns: dict[Hashable, threading.Lock] = {}

    def asked(self, key: Hashable, ask: Callable[[], T]) -> T:
        """What `ask` gives, or raises as a StudioError, now or a while ago."""
        with self._lock:
            turn = self._turns.setdefault(key, threading.Lock())
        with turn:
            until, answer = self._known.get(key, (-math.inf, None))
            if self._clock() >= until:
                answer, seconds = _outcome(ask)
                self._known[key] = (self._clock() + seconds, answer)
        if isinstance(answer, StudioError):
            raise answer
        return cast(T, answer)


def _outcome(ask: Callable[[], object]) -> tuple[object, float]:
    """What came of it, and how long that is good."""
    try:
        return ask(), _GOOD_SECONDS
    except StudioError as error:
        return error, _BAD_SECONDS
