"""Where a length stands on the histogram, and which length a place on it means."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

BARS: Final = 48
_SKEWED: Final = 6
"""A longest row that is so many times the median needs a logarithmic axis."""


@dataclass(frozen=True)
class Scale:
    """Lengths from `low` to `high` on a line from 0 to 1."""

    low: int
    high: int
    is_log: bool = False

    def place(self, length: float) -> float:
        """From 0 to 1, whatever the length."""
        low, high = self._bend(self.low), self._bend(self.high)
        return min(max((self._bend(max(length, self.low)) - low) / (high - low), 0.0), 1.0)

    def length(self, place: float) -> int:
        """A whole number of tokens, at least one."""
        low, high = self._bend(self.low), self._bend(self.high)
        bent = low + (high - low) * min(max(place, 0.0), 1.0)
        return max(round(math.exp(bent) if self.is_log else bent), 1)

    def _bend(self, length: float) -> float:
        return math.log(max(length, 1)) if self.is_log else float(length)


def scale_of(counts: Mapping[int, int], median: int, line: int) -> Scale:
    """An axis for all lengths and the line; logarithmic where a few rows are very much longer."""
    shortest, longest = min(counts), max(counts)
    is_log = longest > _SKEWED * median
    low = max(shortest, 1) if is_log else 0
    # A line far beyond the longest row would squeeze the rows together: it stays at the end.
    high = max(longest, min(line, longest * 2), low + 1)
    return Scale(low, round(high * 1.05) + 1, is_log)


def bars(counts: Mapping[int, int], scale: Scale, number: int = BARS) -> Sequence[int]:
    """Rows in each of as many equal stretches of the axis."""
    heights = [0] * number
    for length, rows in counts.items():
        heights[min(int(scale.place(length) * number), number - 1)] += rows
    return heights
