"""What waits starts also where no window looks."""

import time

import pytest

from app.domain.errors import StudioError
from app.services.queue_clock import QueueClock
from tests.services.test_queueing import finish, going, request

SECONDS = 0.01


@pytest.fixture
def clock(world):
    clock = QueueClock(world.queue)
    yield clock
    clock.close()


def until(is_so) -> None:
    end = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_one_run_after_another_is_started_until_it_is_closed(world, session, clock):
    runs = [world.queue.add(request(session, name)) for name in ("a", "b", "c")]
    clock.begin(every_seconds=SECONDS)
    until(lambda: going(world) == ["a"])
    finish(world, runs[0])
    until(lambda: going(world) == ["b"])

    clock.close()
    finish(world, runs[1])

    assert not clock._thread.is_alive()  # this one's; the process may have others
    assert going(world) == []


def test_a_failed_look_is_not_the_last_one(world, session, clock, monkeypatch):
    errors = iter([StudioError("The database is busy."), OSError("disk")])
    advance = world.queue.advance

    def fail_twice():
        for error in errors:
            raise error
        return advance()

    monkeypatch.setattr(world.queue, "advance", fail_twice)
    world.queue.add(request(session, "a"))
    clock.begin(every_seconds=SECONDS)

    until(lambda: going(world) == ["a"])
