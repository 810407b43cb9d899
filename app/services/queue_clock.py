"""Starts what waits where no window looks: its page was closed, or none was opened yet."""

import logging
import threading
import weakref
from typing import Final

from app.domain.errors import StudioError
from app.services.queueing import QueueService

log = logging.getLogger(__name__)

_EVERY_SECONDS: Final = 5.0
_LAST_SECONDS: Final = 5.0


class QueueClock:
    """A thread of this process, from `begin` to `close`. Windows may look as well: a run starts only once."""

    def __init__(self, queue: QueueService) -> None:
        self._queue = weakref.ref(queue)  # of services that are gone nothing is started any more
        self._is_over = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, *, every_seconds: float = _EVERY_SECONDS) -> None:
        self._thread = threading.Thread(
            target=self._rounds, args=(every_seconds,), name="queue clock", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """A run that is just being started is started; then nothing starts any more."""
        self._is_over.set()
        if self._thread is not None:
            self._thread.join(_LAST_SECONDS)

    def _rounds(self, every_seconds: float) -> None:
        while not self._is_over.wait(every_seconds):
            queue = self._queue()
            if queue is None:
                return
            try:
                queue.advance()
            except StudioError as error:
                log.info("The queue did not go on now: %s", error)
            except Exception:
                log.exception("The queue did not go on")
            del queue
