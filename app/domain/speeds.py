"""How fast this computer was measured to train, to tell beforehand how long a run takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class MeasuredSpeed:
    """What one probe has measured, of a model and a method on some rows."""

    model: str
    """Where it is on this computer, or its name on the Hub."""
    method: str
    rows: str
    """The session, or the file, whose rows it was."""
    seconds_per_example: float
    tokens_per_second: float | None
    measured_at: datetime


class SpeedLog(Protocol):
    """Usable from several processes at once."""

    def add(self, speed: MeasuredSpeed) -> None:
        """Raises OSError if it cannot be kept; what was kept before stays."""
        ...

    def newest_first(self) -> Sequence[MeasuredSpeed]:
        """Empty if nothing was kept, or it cannot be read."""
        ...
