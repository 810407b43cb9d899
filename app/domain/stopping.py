"""To stop work that another thread does."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stop:
    """A wish to stop, said from another thread, that also reaches work which only waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._act: Callable[[], None] | None = None
        self.is_wanted = False

    def stop(self) -> None:
        with self._lock:
            self.is_wanted = True
            if self._act is not None:
                self._act()

    @contextmanager
    def reaching(self, act: Callable[[], None]) -> Iterator[None]:
        """Inside, `act` is called when the wish comes; it must not wait."""
        with self._lock:
            self._act = act
        try:
            yield
        finally:
            with self._lock:
                self._act = None
