"""Whoever looks after a pod may be killed, replaced, stopped or kept waiting: the run goes on."""

import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from app.adapters.processes import SystemProcesses, start_of
from app.adapters.runpod.agents import RentedAgent
from app.adapters.sqlite.rentals import SqliteRentalStore
from app.domain.errors import StoreError, TargetError
from app.domain.rental_ports import Brought, PodHealth
from app.domain.rentals import Rental, RentalState
from app.domain.runs import JobPhase
from app.services.renting.keepers import Keepers
from app.services.renting.keeping import Keeper
from app.services.renting.launcher import RunpodLauncher
from tests.launchers.places import next_attempt, wait_until
from tests.launchers.rented_place import RentedPlace
from tests.renting.rented import NewRun, gone, launched, rental_of


def test_another_app_goes_on_where_the_first_was_killed(place: RentedPlace, new_run: NewRun):
    run = new_run()
    handle = launched(place, run)
    place.wait_until_trained(run)
    place.keepers.close()

    place.keepers = Keepers(place.renting)
    assert place.launcher().find(run) == handle
    assert place.launcher().state(handle).phase is JobPhase.RUNNING
    place.finish(run, 0)

    assert gone(place, run).exit_code == 0
    log = run.log_path.read_text()
    numbers = [int(line.split()[-1]) for line in log.splitlines() if " line " in line]
    assert numbers == list(range(len(numbers)))


def test_a_second_attempt_has_the_log_and_the_checkpoint_of_the_first(place: RentedPlace, new_run: NewRun):
    run = new_run()
    handle = launched(place, run)
    place.wait_until_trained(run)
    place.launcher().stop(handle, save=False)
    before = run.log_path.read_text()

    again = next_attempt(run)
    second = place.launcher().launch(again, resume=True, secrets={})
    place.wait_until_trained(again)
    place.finish(again, 0)
    wait_until(lambda: rental_of(place, again).is_over)

    after = run.log_path.read_text()
    assert after.startswith(before)
    assert "attempt 2 end" in after
    assert place.launcher().state(second).exit_code == 0


def test_a_keeper_that_was_killed_after_the_start_does_not_send_again(place: RentedPlace, new_run: NewRun):
    run = new_run()
    first = launched(place, run)
    place.wait_until_trained(run)
    place.launcher().stop(first, save=False)
    before, again = run.log_path.read_text(), next_attempt(run)
    handle = place.launcher().launch(again, resume=True, secrets={})
    place.wait_until_trained(again)
    place.keepers.close()
    run.log_path.write_text(before)
    place.renting.rentals.update(
        str(handle), lambda r: replace(r, state=RentalState.UPLOADING, is_started=False)
    )

    place.keepers = Keepers(place.renting)
    place.keepers.ensure(place.renting.rentals.get(str(handle)))

    wait_until(lambda: rental_of(place, again).state is RentalState.TRAINING)
    place.launcher().stop(handle, save=False)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_app_that_is_closed_in_the_midst_of_an_upload_costs_only_what_is_left_of_it(
    place: RentedPlace, new_run: NewRun
):
    run = new_run()
    (run.folder / "data").mkdir(parents=True)
    (run.folder / "data/train.jsonl").write_bytes(b'{"messages": []}\n' * 1_200_000)  # parts of 8 MiB
    sent: list[int] = []

    class Noted(RentedAgent):
        is_closed = False

        def send(self, source: Path, path: str, on_bytes: Callable[[int], None]) -> None:
            def note(done: int) -> None:
                if path.startswith("data"):
                    sent.append(done)
                    if self.is_closed and done:
                        raise SystemExit  # the thread is gone at once, as with its process

            super().send(source, path, note)

    class Closed(Noted):
        is_closed = True

    place.keepers = Keepers(replace(place.renting, agents=Closed))
    handle = launched(place, run)
    wait_until(lambda: sent and not place.keepers._threads[str(handle)].is_alive())
    assert rental_of(place, run).state is RentalState.UPLOADING

    uploaded = place.folder_there(run) / "data/train.jsonl"
    assert not uploaded.exists()
    place.keepers = Keepers(replace(place.renting, agents=Noted))
    assert place.launcher().state(handle).phase is JobPhase.RUNNING
    place.finish(run, 0)

    assert gone(place, run).exit_code == 0
    assert uploaded.read_bytes() == (run.folder / "data/train.jsonl").read_bytes()
    first, closed_at, went_on_at, *_ = sent
    assert (first, closed_at > 0, went_on_at) == (0, True, closed_at)


def test_two_apps_of_one_home_share_a_pod_and_the_second_keeps_it_when_the_first_is_gone(
    place: RentedPlace, new_run: NewRun
):
    first = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    mine, other = place.renting, Keepers(place.renting)
    second = RunpodLauncher(mine, other, lambda _: None)
    place.renting = replace(mine, processes=As(first.pid))
    place.keepers = Keepers(place.renting)
    run = new_run()
    handle = launched(place, run)
    place.wait_until_trained(run)

    assert second.state(handle).phase is JobPhase.RUNNING
    assert not other._threads
    with pytest.raises(TargetError, match="still going"):
        second.launch(run, resume=False, secrets={})
    place.keepers.close()
    first.kill()
    first.wait()
    assert second.state(handle).phase is JobPhase.RUNNING
    assert rental_of(place, run).keeper == mine.processes.me()
    place.finish(run, 0)

    assert gone(place, run).exit_code == 0
    assert len(place.emulator.account.pods) == 1
    other.close()


class As(SystemProcesses):
    """As the other process sees itself."""

    def __init__(self, pid: int) -> None:
        self._it = f"{pid}:{start_of(psutil.Process(pid)):.2f}"

    def me(self) -> str:
        return self._it


def test_a_stop_does_not_wait_for_what_is_being_fetched(place: RentedPlace, new_run: NewRun):
    run = new_run()
    handle = launched(place, run)
    wait_until(lambda: rental_of(place, run).state is RentalState.TRAINING)
    place.keepers.close()
    agent = Fetching(lambda: place.renting.rentals.update(str(handle), lambda r: replace(r, wish="save")))
    keeper = Keeper(replace(place.renting, agents=lambda *_: agent), str(handle))

    keeper.advance()
    keeper.advance()

    assert agent.said == ["begins", "stop"]
    place.keepers = Keepers(place.renting)
    place.launcher().stop(handle, save=False)


def test_a_keeper_outlives_a_database_that_is_busy(
    place: RentedPlace, new_run: NewRun, monkeypatch: pytest.MonkeyPatch
):
    place.keepers.close()
    run = new_run()
    handle = launched(place, run)
    failures, get = [StoreError("The database is busy.", "Try again.")], SqliteRentalStore.get

    def busy_once(store: SqliteRentalStore, name: str) -> Rental:
        if failures and threading.current_thread().name.startswith("keep "):
            raise failures.pop()
        return get(store, name)

    monkeypatch.setattr(SqliteRentalStore, "get", busy_once)
    place.keepers = Keepers(place.renting)
    place.keepers.ensure(place.renting.rentals.get(str(handle)))

    wait_until(lambda: rental_of(place, run).state is RentalState.TRAINING)
    place.launcher().stop(handle, save=False)


def test_whoever_waits_for_a_pods_end_waits_no_longer_than_the_app_lives(place: RentedPlace, new_run: NewRun):
    handle, told = launched(place, new_run()), list[str]()
    place.keepers.close()

    with pytest.raises(TargetError, match="could not be ended yet"):
        place.launcher().stop(handle, save=False, passed_on=lambda: told.append("it"))

    assert told == ["it"]  # whoever comes next ends it
    place.keepers = Keepers(place.renting)
    place.launcher().stop(handle, save=False)


class Fetching:
    """An agent in the midst of a long fetch when a person stops the run."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self._meanwhile = meanwhile
        self.said: list[str] = []

    def mirror(self, folder: Path, *, wait_seconds: float) -> None: ...

    def health(self) -> PodHealth:
        return PodHealth("running")

    def bring(self, folder: Path, on_bytes: Callable[[int, int], None]) -> Brought:
        if "stop" not in self.said:
            self.said.append("begins")
            self._meanwhile()
            on_bytes(1, 2)
            self.said.append("ends")
        return Brought((), is_complete=True)

    def stop(self, *, save: bool) -> None:
        self.said.append("stop")
