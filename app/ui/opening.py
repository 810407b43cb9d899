"""Opens the store once for all windows of this process. Light: it is imported before a page is served."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.services.everything import Services  # a tenth of a second, and the page need not wait for it

log = logging.getLogger(__name__)


class Opening:
    """Builds the services once for all windows of this process. Thread-safe; a failure can be tried again."""

    def __init__(self, build: Callable[[], Services]) -> None:
        self._build = build
        self._lock = threading.Lock()
        self._services: Services | None = None
        self._is_settled = False
        self._ending: asyncio.Task[None] | None = None
        self.was_shown = False

    def services(self) -> Services:
        """Blocking. Raises what `build` raises."""
        with self._lock:
            if self._services is None:
                services = self._build()
                _try("The sample was not imported", services.library.ensure_sample)
                threading.Thread(
                    target=_try,
                    args=("The runs were not refreshed", services.monitoring.refresh_all),
                    name="refresh-runs-at-start",
                    daemon=True,
                ).start()
                services.reaper.begin()
                services.queue_clock.begin()
                self._services = services
            return self._services

    def watch_the_end(self) -> None:
        """On the event loop: once it ends, `close` comes first. A thread that waits for a model to load, or
        for a pod to be gone, would else keep the app behind the closed window as long as that takes."""
        if self._ending is None:
            loop, nobodys = asyncio.get_running_loop(), contextvars.Context()  # keeps no page alive
            self._ending = loop.create_task(self._let_go_at_the_end(), context=nobodys)

    async def _let_go_at_the_end(self) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.close()

    def close(self) -> None:
        """Before the app ends, once: nothing is started any more, the model process ends, what rented pods
        cost for nothing is ended, what trains goes on."""
        with self._lock:
            services, self._services = self._services, None
        if services is not None:
            _try("The queue was not held", services.queue_clock.close)
            _try("The model process was not ended", services.talking.unload)
            _try("The rented pods were not looked after", services.reaper.close)

    def settle(self) -> None:
        """Tell the garbage collector that what is there now stays: modules, classes, the first tabs.

        It looked through all of that again and again, a tenth of a second each time in which no click was
        answered. Once only: what a closed window leaves behind must still be found.
        """
        with self._lock:
            if not self._is_settled:
                self._is_settled = True
                gc.collect()
                gc.freeze()


def _try(failure: str, work: Callable[[], object]) -> None:
    """Neither the sample nor an unreachable target may keep the app from opening."""
    try:
        work()
    except Exception:
        log.exception("%s", failure)
