"""The content hash of a version, read only from the first changed row on where that is possible.

SHA-256 runs from the first row to the last. Its state is kept, in memory only, every few thousand rows of
the versions that were hashed last: a change far down, and an append above all, reads little more than what is
new.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from threading import Lock
from typing import Final

from sqlalchemy import Engine

from app.adapters.sqlite.row_ranges import Range
from app.adapters.sqlite.row_text import ContentHash
from app.adapters.sqlite.transactions import reading

STEP_ROWS: Final = 5_000
_TEXTS: Final = (
    "SELECT messages FROM session_rows WHERE session = ? AND position >= ? AND position < ? ORDER BY position"
)
_REMEMBERED: Final = 4
"""Versions; each keeps a state of about 200 bytes for every `STEP_ROWS` rows."""


@dataclass(frozen=True)
class _Hashed:
    ranges: Sequence[Range]
    states: Sequence[tuple[int, ContentHash]]
    """How many rows, and the hash so far; ascending."""


class HashMemory:
    """Hashes versions; remembers the states of the last few. May be called from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: deque[_Hashed] = deque(maxlen=_REMEMBERED)

    def of(
        self, engine: Engine, ranges: Sequence[Range], progress: Callable[[int], None] | None = None
    ) -> str:
        """Of the rows of `ranges`; `progress` is told how many are done."""
        count = ranges[-1].end if ranges else 0
        states = self._states_before(ranges)
        at, content = states[-1][0], states[-1][1].copy()
        while at < count:
            end = min(at + STEP_ROWS, count)
            _add(engine, content, ranges, at, end)
            at = end
            states.append((at, content.copy()))
            if progress is not None:
                progress(at)
        self._remember(_Hashed(ranges, states))
        return content.hexdigest()

    def _states_before(self, ranges: Sequence[Range]) -> list[tuple[int, ContentHash]]:
        """Those of the known version with the longest beginning in common, up to where it differs."""
        with self._lock:
            known = list(self._known)
        same = [(_common_rows(one.ranges, ranges), one) for one in known]
        rows, best = max(same, key=lambda pair: pair[0], default=(0, None))
        kept = takewhile(lambda state: state[0] <= rows, best.states) if best else ()
        return list(kept) or [(0, ContentHash())]

    def _remember(self, hashed: _Hashed) -> None:
        with self._lock:
            self._known.append(hashed)


def _common_rows(one: Sequence[Range], other: Sequence[Range]) -> int:
    """How many rows at the beginning are the very same ones."""
    rows = 0
    for a, b in zip(one, other, strict=False):
        if (a.part, a.first) != (b.part, b.first):
            break
        rows += min(a.length, b.length)
        if a.length != b.length:
            break
    return rows


def _add(engine: Engine, content: ContentHash, ranges: Sequence[Range], start: int, end: int) -> None:
    at = bisect_left(ranges, start + 1, key=lambda piece: piece.end)
    with reading(engine) as connection:
        cursor = connection.connection.cursor()  # a million rows: SQLAlchemy's own cost as much as the hash
        for piece in takewhile(lambda piece: piece.position < end, ranges[at:]):
            rows = piece.cut(start, end)
            cursor.execute(_TEXTS, (rows.part, rows.first, rows.first + rows.length))
            for (text,) in cursor.fetchall():
                content.add(text)
