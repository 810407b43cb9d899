"""Whose turn it is in the inference process: one at a time.

A question waits while a model is only being loaded: it wants that model, or another in its place. While
another answer is made it is refused at once.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from app.adapters.worker_process import WorkerProcess
from app.domain.chat import IsWanted, always
from app.domain.errors import BusyError
from app.worker.protocol import Reply


@dataclass(eq=False)
class Answer:
    """One thing that the process is asked for."""

    id: int
    asker: str = ""
    is_wanted: IsWanted = always
    only_loads: bool = False
    stopped: bool = False
    was_heard: bool = False
    """Whether the process has said anything since it was asked."""
    has_own_process: bool = False
    """Whether the process was started for it."""

    def heed(self) -> None:
        """Take a stop to heart that came before anybody could know of this answer."""
        self.stopped = self.stopped or not self.is_wanted()

    def receive_from(self, process: WorkerProcess) -> Reply:
        """The next reply, waiting for it. Raises ProcessEndedError."""
        reply = process.receive()
        self.was_heard = True
        return reply

    @property
    def may_begin_again(self) -> bool:
        """Whether the process that ended may have been dead when it was asked: one that is being killed is
        taken for living for some milliseconds. Never true a second time."""
        return not (self.stopped or self.was_heard or self.has_own_process)


class Turns:
    """Every method may be called from any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()  # guards what follows
        self._holder: Answer | None = None
        self._waiting: list[Answer] = []
        self._is_brief = False

    def take(self, answer: Answer, refusal: Callable[[], BusyError]) -> bool:
        """Have the turn until `give_back`. False if it was stopped while it waited; raises `refusal`."""
        with self._changed:
            self._waiting.append(answer)
            answer.heed()
            try:
                while (self._holder is not None or self._is_brief) and not answer.stopped:
                    if self._holder is not None and (answer.only_loads or not self._holder.only_loads):
                        raise refusal()
                    self._changed.wait()
            finally:
                self._waiting.remove(answer)
            if not answer.stopped:
                self._holder = answer
            return not answer.stopped

    def give_back(self) -> None:
        with self._changed:
            self._holder = None
            self._changed.notify_all()

    @contextmanager
    def briefly(self) -> Iterator[bool]:
        """Whether it is nobody's turn; within this context it becomes nobody's. For milliseconds only, but a
        process that hangs may make it longer: nothing except a turn waits for it."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_brief)
            is_free = self._is_brief = self._holder is None
        try:
            yield is_free
        finally:
            with self._changed:
                self._is_brief = self._is_brief and not is_free
                self._changed.notify_all()

    def stop_waiting(self, asker: str | None = None) -> bool:
        """End the waiting of those who asked so, or of all; returns whether there were any."""
        with self._changed:
            found = [one for one in self._waiting if asker is None or one.asker == asker]
            for one in found:
                one.stopped = True
            self._changed.notify_all()
            return bool(found)
