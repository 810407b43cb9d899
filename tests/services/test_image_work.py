"""Work on an image that is cancelled just as it ends."""

import threading
from collections.abc import Callable

from app.domain.stopping import Stop
from app.services.image_work import ImageWork
from tests.launchers.places import wait_until


class ThenLock:
    """A lock that does something as it has been let go of for the first time."""

    def __init__(self, lock: threading.Lock, then: Callable[[], None]) -> None:
        self._lock, self._then = lock, [then]

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
        if self._then:
            self._then.pop()()


def test_a_cancel_that_comes_as_one_work_ends_does_not_stop_the_next():
    work, may_end, stops = ImageWork(), [threading.Event(), threading.Event()], list[Stop]()

    def until_told(image, told, stop):
        stops.append(stop)
        assert may_end[int(image)].wait(20)

    def next_one() -> None:
        may_end[0].set()
        wait_until(lambda: not work.state.is_busy)
        work.begin(until_told, "1")
        wait_until(lambda: len(stops) == 2)

    work.begin(until_told, "0")
    wait_until(lambda: stops)
    work._lock = ThenLock(work._lock, next_one)
    work.cancel()
    may_end[1].set()

    assert [stop.is_wanted for stop in stops] == [True, False]
