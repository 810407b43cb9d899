"""The one build or pull that may be going on: it belongs to the app, and outlives every view of it."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from app.domain.docker_care import BuildFailedError, CareProgress, ImageFacts, Told
from app.domain.errors import StudioError
from app.domain.stopping import Stop

log = logging.getLogger(__name__)

Work = Callable[[str, Told, Stop], ImageFacts]


@dataclass(frozen=True)
class ImageWorkState:
    """What a view shows; begun and ended by whoever looks, told to all."""

    image: str = ""
    is_busy: bool = False
    is_cancelling: bool = False
    progress: CareProgress | None = None
    failed: Exception | None = None
    """How it ended, if not well: a StudioError, or a bug, which was logged."""
    number: int = 0
    """Of the work, counted since the app was started."""

    @property
    def output(self) -> str:
        """All that a build that failed has printed."""
        return self.failed.log if isinstance(self.failed, BuildFailedError) else ""


class ImageWork:
    """Every method returns at once, and may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stop = Stop()
        self._state = ImageWorkState()

    @property
    def state(self) -> ImageWorkState:
        return self._state

    def under_way(self) -> str:
        """The image that is being built or pulled; empty if none is."""
        return self._state.image if self._state.is_busy else ""

    def begin(self, work: Work, image: str) -> None:
        """On a thread; nothing happens while something else is going on."""
        with self._lock:
            if self._state.is_busy:
                return
            self._stop = stop = Stop()
            self._state = ImageWorkState(image, is_busy=True, number=self._state.number + 1)
        threading.Thread(target=self._do, args=(work, image, stop), name="image", daemon=True).start()

    def cancel(self) -> None:
        with self._lock:
            if not self._state.is_busy:
                return
            self._state = replace(self._state, is_cancelling=True)
            stop = self._stop  # before the next work begins, which has one of its own
        stop.stop()

    def forget(self) -> None:
        """Clear how the last one ended."""
        self._change(failed=None)

    def _do(self, work: Work, image: str, stop: Stop) -> None:
        failed: Exception | None = None
        try:
            work(image, lambda progress: self._change(progress=progress), stop)
        except StudioError as error:
            failed = error
        except Exception as error:  # a bug must not leave the view waiting for ever
            log.exception("Getting the image %s failed", image)
            failed = error
        self._change(is_busy=False, is_cancelling=False, failed=failed)

    def _change(self, **changes: object) -> None:
        with self._lock:
            self._state = replace(self._state, **changes)  # type: ignore[arg-type]
