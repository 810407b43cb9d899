"""Ends the pod when its time, its money or its use is over, whether the app is there or not.

Nothing else in the pod keeps it from that: what is told or saved meanwhile may fail, or hang with the disk.
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from trainer_image.pod.platform import STORAGE_STILL_BILLED, Look, Platform
from trainer_image.pod.settings import Settings
from trainer_image.pod.state import State

_LOOK_EVERY_SECONDS: Final = 1.0
_BESIDE_SECONDS: Final = 5.0
"""Longer than that it does not wait for what it has others do."""


@dataclass(frozen=True)
class End:
    at: float
    because: str


@dataclass(frozen=True)
class Seen:
    """When the app was last heard of, in seconds since the epoch."""

    request: float
    upload: float
    fetch: float


class Watchdog:
    def __init__(
        self,
        settings: Settings,
        platform: Platform,
        *,
        state: Callable[[], State],
        seen: Callable[[], Seen],
        save: Callable[[str], object],
        tell: Callable[[str], object],
    ) -> None:
        """`save` has the training save and leave, and is told why; `tell` is for people."""
        self._settings = settings
        self._platform = platform
        self._state = state
        self._seen = seen
        self._save = save
        self._tell = tell
        self.look: Look | None = None
        self.ending = ""
        """What the last try to end the pod came to."""
        self._beside: dict[str, threading.Thread] = {}

    def start(self) -> None:
        threading.Thread(target=self._look_on, name="look", daemon=True).start()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def next_end(self) -> End | None:
        return min(self._ends(), key=lambda end: end.at, default=None)

    def _ends(self) -> Iterator[End]:
        settings, state, seen = self._settings, self._state(), self._seen()
        yield from self._limits()
        if state.phase in {"waiting", "interrupted"}:
            yield End(max(state.since, seen.upload) + settings.boot_grace, "not started")
        if state.phase == "ended":
            yield End(max(state.since, seen.fetch) + settings.retrieve_grace, "not fetched")
            if state.retrieved_at is not None:
                yield End(state.retrieved_at + settings.retrieved_grace, "fetched")

    def _limits(self) -> Iterator[End]:
        """Those that hold whatever the pod does."""
        settings = self._settings
        if settings.deadline is not None:
            yield End(settings.deadline, "deadline")
        look = self.look or Look(False)
        begin = min(look.created_at or self._state().booted_at, self._state().booted_at)
        if settings.longest is not None:
            yield End(begin + settings.longest, "deadline")
        price = max(look.price_per_hour or 0, settings.price_per_hour or 0)
        if settings.budget_usd is not None and price:
            yield End(begin + settings.budget_usd / price * 3600, "budget")

    def _watch(self) -> None:
        while True:
            try:
                pause = self._act()
            except Exception as error:  # whatever else breaks in this pod: it is still to be ended
                self._say(f"The watchdog failed: {type(error).__name__}.")
                pause = _LOOK_EVERY_SECONDS
            time.sleep(pause)

    def _act(self) -> float:
        """How long to wait before the next look."""
        end = self.next_end()
        if end and time.time() >= end.at:
            self._end(end.because)
            return self._settings.retry_seconds
        self._save_in_time()
        return self._pause(end)

    def _pause(self, end: End | None) -> float:
        left = end.at - time.time() if end else _LOOK_EVERY_SECONDS
        return min(max(left, 0.01), _LOOK_EVERY_SECONDS)

    def _save_in_time(self) -> None:
        state = self._state()
        if state.phase != "running":
            return
        for limit in self._limits():
            margin = min(self._settings.save_margin, (limit.at - state.booted_at) / 10)
            if time.time() >= limit.at - margin:
                self._do_beside("save", self._save, limit.because)
        if state.lease_seconds is not None and time.time() > self._seen().request + state.lease_seconds:
            self._do_beside("save", self._save, "app silent")

    def _end(self, because: str) -> None:
        """The pod is gone in the midst of this, if it works."""
        self._say(f"The pod ends itself ({because}).")
        said = list(self._platform.end())
        self.ending = STORAGE_STILL_BILLED if STORAGE_STILL_BILLED in said else said[-1]
        for sentence in said:
            self._say(sentence)

    def _say(self, sentence: str) -> None:
        self._do_beside("tell", self._tell, sentence)

    def _do_beside(self, name: str, act: Callable[[str], object], text: str) -> None:
        """Not at all while the last of that name still hangs."""
        before = self._beside.get(name)
        if before is not None and before.is_alive():
            return
        self._beside[name] = threading.Thread(target=act, args=(text,), name=name, daemon=True)
        self._beside[name].start()
        self._beside[name].join(_BESIDE_SECONDS)

    def _look_on(self) -> None:
        """Until the pod has seen itself once."""
        while True:
            self.look = self._platform.look()
            if self.look.ok:
                return
            time.sleep(self._settings.retry_seconds)
