"""The pod ends itself when its time, its money or its use is over."""

import errno
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tests.pod import platform
from tests.pod.conftest import Pod
from tests.pod.platform import Platform
from trainer_image.pod import settings
from trainer_image.pod.platform import Look
from trainer_image.pod.platform import Platform as Ways
from trainer_image.pod.state import State
from trainer_image.pod.watchdog import Seen, Watchdog

NOON = 1_790_000_000.0
"""A pod was booted then."""


@pytest.fixture
def runpod(unbooted_pod: Pod) -> Iterator[Platform]:
    with platform.platform() as server:
        unbooted_pod.environment |= server.environment
        yield server


def watchdog(
    state: State,
    *,
    seen: Seen | None = None,
    save: Callable[[str], object] = lambda _: None,
    tell: Callable[[str], object] = lambda _: None,
    **told: str,
) -> Watchdog:
    found = settings.read({"STUDIO_RUN_ID": "7f3c", "STUDIO_TOKEN_SHA256": "0" * 64, **told})
    assert not found.problems
    return Watchdog(
        found,
        Ways(found, lambda _: False),
        state=lambda: state,
        seen=lambda: seen or Seen(0, 0, 0),
        save=save,
        tell=tell,
    )


def end_of(dog: Watchdog) -> tuple[float, str] | None:
    end = dog.next_end()
    return (end.at - NOON, end.because) if end else None


WAITING = State(pod_id="pod-1", booted_at=NOON, boots=1, phase="waiting", since=NOON)
RUNNING = replace(WAITING, phase="running", since=NOON + 60)
ENDED = replace(WAITING, phase="ended", since=NOON + 600)


def test_a_training_that_is_neither_bounded_nor_over_has_no_end() -> None:
    assert end_of(watchdog(RUNNING)) is None


def test_the_deadline_is_a_moment_in_utc() -> None:
    dog = watchdog(RUNNING, STUDIO_DEADLINE="2026-09-21T15:13:20Z")

    assert end_of(dog) == (1_790_003_600.0 - NOON, "deadline")


def test_the_deadline_comes_in_time_also_if_the_computer_that_set_it_is_fast() -> None:
    dog = watchdog(RUNNING, STUDIO_DEADLINE="2026-09-22T15:13:20Z", STUDIO_LONGEST_SECONDS="3600")

    assert end_of(dog) == (3600, "deadline")
    dog.look = Look(True, created_at=NOON - 600)
    assert end_of(dog) == (3000, "deadline")


def test_the_budget_is_used_up_by_the_dearer_of_two_prices() -> None:
    dog = watchdog(RUNNING, STUDIO_BUDGET_USD="2", STUDIO_PRICE_PER_HOUR="0.5")

    assert end_of(dog) == (4 * 3600, "budget")
    dog.look = Look(True, price_per_hour=1.0)
    assert end_of(dog) == (2 * 3600, "budget")
    dog.look = Look(True, price_per_hour=1.0, created_at=NOON - 600)
    assert end_of(dog) == (2 * 3600 - 600, "budget")


def test_a_pod_that_is_not_started_waits_from_the_last_part_of_an_upload_on() -> None:
    assert end_of(watchdog(WAITING)) == (1800, "not started")
    assert end_of(watchdog(WAITING, seen=Seen(0, NOON + 500, 0))) == (2300, "not started")


def test_results_wait_longer_where_no_volume_keeps_them() -> None:
    assert end_of(watchdog(ENDED)) == (600 + 3600, "not fetched")
    assert end_of(watchdog(ENDED, RUNPOD_VOLUME_ID="v")) == (600 + 900, "not fetched")
    assert end_of(watchdog(ENDED, seen=Seen(0, 0, NOON + 5000))) == (5000 + 3600, "not fetched")


def test_what_was_fetched_is_not_waited_for() -> None:
    assert end_of(watchdog(replace(ENDED, retrieved_at=NOON + 700))) == (760, "fetched")


def test_the_training_saves_in_time_before_the_deadline_and_when_the_app_is_silent() -> None:
    now = time.time()
    state = replace(RUNNING, booted_at=now - 1000)
    soon, later = (_moment(now + seconds) for seconds in (50, 5000))
    saves: list[str] = []

    watchdog(state, save=saves.append, STUDIO_DEADLINE=later)._save_in_time()
    assert saves == []
    watchdog(state, save=saves.append, STUDIO_DEADLINE=soon)._save_in_time()
    assert saves == ["deadline"]
    leased = replace(state, lease_seconds=100.0)
    watchdog(leased, seen=Seen(now - 99, 0, 0), save=saves.append)._save_in_time()
    assert saves == ["deadline"]
    watchdog(leased, seen=Seen(now - 101, 0, 0), save=saves.append)._save_in_time()
    assert saves == ["deadline", "app silent"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("way", ["fails", "hangs"])
def test_a_disk_that_fails_or_hangs_keeps_no_pod_alive(
    way: str, runpod: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer_image.pod.watchdog._BESIDE_SECONDS", 0.01)
    is_mended = threading.Event()

    def at_the_disk(_: str) -> None:
        if way == "fails":
            raise OSError(errno.EIO, "Input/output error")
        is_mended.wait()

    now = time.time()
    state = replace(RUNNING, booted_at=now - 1000)
    told = {**runpod.environment, "RUNPOD_POD_ID": "pod-1", "STUDIO_DEADLINE": _moment(now + 1)}
    dog = watchdog(state, save=at_the_disk, tell=at_the_disk, **told)
    dog._save_in_time()
    dog._end("deadline")
    is_mended.set()

    assert runpod.ways == ["delete"]


def test_a_pod_that_can_see_itself_says_so_and_one_that_cannot_says_why(
    unbooted_pod: Pod, runpod: Platform
) -> None:
    runpod.answers["look"] = 403
    pod = unbooted_pod.boot()
    health = pod.wait_until(lambda: h if (h := pod.health()).can_self_terminate is not None else None)
    assert (health.can_self_terminate, "403" in health.why_not) == (False, True)

    runpod.answers["look"] = 200

    pod.wait_until(lambda: pod.health().can_self_terminate)
    assert runpod.agents == {"Tunewright-pod/1"}


def test_a_training_past_its_deadline_is_ended_with_its_pod(unbooted_pod: Pod, runpod: Platform) -> None:
    pod = unbooted_pod.boot()
    pod.start(stubborn=True)
    pod.environment["STUDIO_DEADLINE"] = _moment(time.time() - 1)
    pod.restart()

    pod.wait_until(lambda: runpod.ways)

    assert runpod.ways[0] == "delete"
    assert "The pod ends itself (deadline)." in [event.get("message") for event in pod.events()]


def test_a_pod_that_cannot_be_deleted_tries_the_other_ways_and_again(
    unbooted_pod: Pod, runpod: Platform
) -> None:
    runpod.answers |= {"delete": 403, "terminate": 500}
    unbooted_pod.environment["STUDIO_BOOT_GRACE"] = "0.1"
    pod = unbooted_pod.boot()

    pod.wait_until(lambda: len(runpod.ways) >= 6)

    assert runpod.ways[:6] == ["delete", "terminate", "stop"] * 2
    assert pod.health().ending == "Stopped, storage still billed."
    assert pod.health().ends_because == "not started"


def test_after_the_end_results_wait_and_then_the_pod_goes(unbooted_pod: Pod, runpod: Platform) -> None:
    unbooted_pod.environment |= {"STUDIO_RETRIEVED_GRACE": "0.1"}
    pod = unbooted_pod.boot()
    pod.start()
    pod.wait_for("ended")
    assert runpod.ways == []

    pod.agent.retrieved()
    pod.wait_until(lambda: runpod.ways)

    assert pod.health().ends_because == "fetched"


def test_an_app_that_breaks_its_promise_has_the_training_save_and_leave(
    unbooted_pod: Pod, runpod: Platform
) -> None:
    pod = unbooted_pod.boot()
    pod.start(wait=True)
    pod.wait_until(lambda: "ready" in pod.lines())

    pod.agent.lease(0.001)
    health = pod.wait_for("ended")

    assert health.outcome == "stopped"
    assert "The training is told to save and leave (app silent)." in pod.said()


def test_what_the_pod_was_told_wrongly_keeps_it_from_training(unbooted_pod: Pod) -> None:
    unbooted_pod.environment["STUDIO_DEADLINE"] = "tomorrow"
    pod = unbooted_pod.boot()

    with pytest.raises(Exception, match="STUDIO_DEADLINE is no time like"):
        pod.start()

    assert "STUDIO_DEADLINE is no time like" in pod.health().message


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
