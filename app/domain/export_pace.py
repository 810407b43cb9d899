"""How long exports took here: said before one of the same kind is made, and counted down while it is.

What was measured of one size says little of another: a tiny model's export is all starting. So a
measurement speaks only for models of up to four times its size, and down to a quarter.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

from app.domain.exports import Told

_LIKE: Final = 4.0
_TRUSTED_SHARE: Final = 0.05
"""Of a step that has to be done before its speed says when it ends."""


@dataclass(frozen=True)
class Step:
    name: str
    seconds: float


@dataclass(frozen=True)
class ExportPace:
    """What one export took."""

    kind: str
    """As `ExportWish.kind` has it."""
    parameters: int
    prompts: int
    steps: tuple[Step, ...]
    measured_at: datetime


class PaceLog(Protocol):
    """Usable from several processes at once."""

    def add(self, pace: ExportPace) -> None:
        """Raises OSError if it cannot be kept; what was kept before stays."""
        ...

    def newest_first(self) -> Sequence[ExportPace]:
        """Empty if nothing was kept, or it cannot be read."""
        ...


def expected_steps(
    kept: Sequence[ExportPace], *, kind: str, parameters: int | None, prompts: int
) -> tuple[Step, ...]:
    """By the newest of `kept` that is like it, for a model of that size; empty where none is."""
    if not parameters:
        return ()
    for pace in kept:
        ratio = parameters / max(pace.parameters, 1)
        if (pace.kind, pace.prompts) == (kind, prompts) and 1 / _LIKE <= ratio <= _LIKE:
            return tuple(Step(step.name, step.seconds * ratio) for step in pace.steps)
    return ()


def seconds_of(steps: Sequence[Step]) -> float | None:
    return sum(step.seconds for step in steps) if steps else None


class Pacer:
    """Follows one export: measures its steps, and says what is left."""

    def __init__(self, expected: Sequence[Step], seconds: Callable[[], float]) -> None:
        """`seconds` is a clock that only goes forward."""
        self._expected, self._seconds = tuple(expected), seconds
        self._begun: list[tuple[str, float]] = []

    def hear(self, told: Told) -> Told:
        """The same, with how long it still takes."""
        now = self._seconds()
        if not self._begun or self._begun[-1][0] != told.text:
            self._begun.append((told.text, now))
        passed = now - self._begun[-1][1]
        step, rest = self._left_of_step(told, passed), self._rest(told.text)
        if step is None:
            return told
        return replace(told, left_seconds=step + (rest or 0.0), left_of_all=rest is not None)

    def steps(self) -> tuple[Step, ...]:
        """What each has taken until now, in the order in which they began."""
        ends = [*(start for _, start in self._begun[1:]), self._seconds()]
        return tuple(Step(name, end - start) for (name, start), end in zip(self._begun, ends, strict=False))

    def _left_of_step(self, told: Told, passed: float) -> float | None:
        if told.share is not None and told.share >= _TRUSTED_SHARE:
            return passed * (1 - told.share) / told.share
        known = next((step.seconds for step in self._expected if step.name == told.text), None)
        return None if known is None else max(known - passed, 0.0)

    def _rest(self, name: str) -> float | None:
        """Of the steps after this one; None where nobody knows them."""
        names = [step.name for step in self._expected]
        if name not in names:
            return None
        return sum(step.seconds for step in self._expected[names.index(name) + 1 :])
