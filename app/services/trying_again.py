"""When a queued run that could not start for a reason that may pass is tried again: with growing pauses."""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from app.domain.ports import SettingsStore
from app.domain.runs import RunId

_TRIES: Final = "queue.tries"
_PAUSES_MINUTES: Final = (1, 2, 5, 10, 20, 30)
"""After the first failed start, the second…; the last one goes on for as long as it takes."""


@dataclass(frozen=True)
class Try:
    """Of one run."""

    count: int
    """Starts that failed."""
    next_at: datetime

    @property
    def said(self) -> str:
        """When, by this computer's clock."""
        return f"{self.next_at.astimezone():%H:%M}"


class TryingAgain:
    """What is kept of it is read and written by every process that moves the queue on."""

    def __init__(self, settings: SettingsStore, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._clock = clock

    def all(self) -> Mapping[RunId, Try]:
        """Runs whose start has failed, also those whose pause is over."""
        return _read(self._settings.get(_TRIES))

    def pausing(self) -> Mapping[RunId, Try]:
        """Runs whose pause is not over."""
        now = self._clock()
        return {run: each for run, each in self.all().items() if each.next_at > now}

    def failed(self, run_id: RunId, among: Collection[RunId]) -> Try:
        """One more failed start of it. Runs that are not `among` those that wait are forgotten."""
        now = self._clock()

        def more(kept: str | None) -> str:
            tries = {run: each for run, each in _read(kept).items() if run in among}
            count = tries[run_id].count + 1 if run_id in tries else 1
            pause = _PAUSES_MINUTES[min(count, len(_PAUSES_MINUTES)) - 1]
            return _written({**tries, run_id: Try(count, now + timedelta(minutes=pause))})

        return _read(self._settings.change(_TRIES, more))[run_id]

    def forget(self, run_id: RunId) -> None:
        """It has started, or has left the queue."""
        if run_id in _read(self._settings.get(_TRIES)):
            self._settings.change(
                _TRIES, lambda kept: _written({r: each for r, each in _read(kept).items() if r != run_id})
            )


def _read(kept: str | None) -> dict[RunId, Try]:
    try:
        found = json.loads(kept or "{}")
        return {RunId(run): Try(int(n), datetime.fromisoformat(at)) for run, (n, at) in found.items()}
    except (ValueError, TypeError, AttributeError):  # of another version
        return {}


def _written(tries: Mapping[RunId, Try]) -> str:
    return json.dumps({run: (each.count, each.next_at.isoformat()) for run, each in tries.items()})
