"""A run on a rented pod while something goes wrong: what it costs, what is lost, and what is said."""

import json
import threading
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app.adapters.runpod.client import RunpodClient
from app.adapters.sqlite.rentals import SqliteRentalStore
from app.domain.errors import StoreError, TargetError
from app.domain.rental_ports import Brought, PodHealth
from app.domain.rentals import Rental, RentalState
from app.domain.runpod_ports import NoCapacityError, NoCreditError, Pod, PodOrder, RunpodCloud
from app.domain.runs import JobHandle, JobPhase, Run
from app.services.renting.account import Account
from app.services.renting.keepers import Keepers
from app.services.renting.keeping import Keeper
from app.services.renting.reaper import Reaper
from app.services.renting.words import gone_words
from tests.emulators.runpod.pods import WITHOUT_AGENT, Wish
from tests.launchers.places import next_attempt, wait_until
from tests.launchers.rented_place import RentedPlace

NewRun = Callable[..., Run]
CHEAPEST, NEXT = "NVIDIA RTX A4000", "NVIDIA L4"


def launched(place: RentedPlace, run: Run) -> JobHandle:
    return place.launcher().launch(run, resume=False, secrets={})


def rental_of(place: RentedPlace, run: Run) -> Rental:
    found = place.renting.rentals.find(run.id, run.attempt)
    assert found is not None
    return found


def gone(place: RentedPlace, run: Run) -> Rental:
    wait_until(lambda: rental_of(place, run).is_over)
    return rental_of(place, run)


def living(place: RentedPlace) -> list[str]:
    return [pod.id for pod in place.emulator.account.living]


def test_the_row_is_there_before_the_order_and_nothing_secret_leaves(place: RentedPlace, new_run: NewRun):
    run = new_run()
    handle = launched(place, run)
    place.wait_until_trained(run)

    [pod] = place.emulator.account.pods.values()
    token = place.renting.tokens.get(str(handle))
    assert token
    assert token not in json.dumps(pod.wish.env)
    assert all(token not in path for _, path, _, _ in place.emulator.requests)
    assert rental_of(place, run).token_sha256 == pod.wish.env["STUDIO_TOKEN_SHA256"]
    assert pod.wish.terminate_after is not None
    assert abs((pod.wish.terminate_after - rental_of(place, run).ends_by).total_seconds()) < 1
    place.launcher().stop(handle, save=False)
    assert place.renting.tokens.get(str(handle)) is None


def test_the_next_gpu_is_taken_when_the_first_is_gone_and_it_was_agreed_to(
    place: RentedPlace, new_run: NewRun
):
    place.emulator.faults.no_capacity = {CHEAPEST}
    run = new_run(highest_price=0.5)

    handle = launched(place, run)

    assert rental_of(place, run).gpu == NEXT
    place.launcher().stop(handle, save=False)


def test_a_dearer_gpu_is_never_taken_without_a_word(place: RentedPlace, new_run: NewRun):
    place.emulator.faults.no_capacity = {CHEAPEST}

    with pytest.raises(NoCapacityError, match="has a free RTX A4000") as refusal:
        launched(place, new_run())

    assert "Set the highest price to 0.39" in refusal.value.hint
    assert living(place) == []
    assert rental_of(place, new_run()).is_refused
    assert place.launcher().find(new_run()) is None


def test_an_order_that_nobody_can_pay_costs_nothing(place: RentedPlace, new_run: NewRun):
    place.emulator.account.deposit = 0.01
    run = new_run()

    with pytest.raises(NoCreditError):
        launched(place, run)

    assert rental_of(place, run).is_refused
    assert rental_of(place, run).cost(place.renting.clock()) == 0
    assert living(place) == []


def test_an_answer_that_was_lost_is_found_again_by_the_pods_name(place: RentedPlace, new_run: NewRun):
    place.emulator.faults.add("POST /graphql", "html 502", though_done=True)
    run = new_run()

    handle = launched(place, run)
    place.wait_until_trained(run)

    assert len(living(place)) == 1
    place.launcher().stop(handle, save=False)
    assert living(place) == []


def test_a_pod_that_could_not_end_itself_is_deleted_and_refused(place: RentedPlace, new_run: NewRun):
    place.emulator.faults.refused_to_pods = {"read"}
    run = new_run()

    handle = launched(place, run)

    assert "could not end itself" in gone(place, run).message
    assert place.launcher().state(handle).phase is JobPhase.EXITED
    assert not rental_of(place, run).is_started


def test_a_pod_without_an_agent_is_given_up_after_its_patience(place: RentedPlace, new_run: NewRun):
    place.emulator.faults.without_agent = 1
    hurry = replace(place.renting.patience, boot=timedelta(seconds=0.3))
    place.keepers._renting = replace(place.renting, patience=hurry)
    run = new_run()

    launched(place, run)

    assert "did not answer within" in gone(place, run).message
    assert living(place) == []


def test_a_pod_that_its_host_takes_away_is_told_as_such(place: RentedPlace, new_run: NewRun):
    run = new_run()
    handle = launched(place, run)
    place.wait_until_trained(run)

    place.emulator.account.lose(living(place)[0])

    assert "gone while the training ran" in gone(place, run).message
    state = place.launcher().state(handle)
    assert (state.phase, state.exit_code) == (JobPhase.EXITED, None)
    assert "Resume it" in state.hint


def test_one_look_that_finds_no_pod_ends_nothing(place: RentedPlace, new_run: NewRun):
    run = new_run()
    handle = launched(place, run)
    place.wait_until_trained(run)

    place.emulator.faults.vanished[living(place)[0]] = 1
    place.emulator.faults.proxy, place.emulator.faults.proxy_times = "502", 3
    wait_until(lambda: not place.emulator.faults.proxy_times)
    place.finish(run, 0)

    assert gone(place, run).exit_code == 0
    assert place.launcher().state(handle).exit_code == 0


def test_an_hour_without_network_is_said_and_forgotten(place: RentedPlace, new_run: NewRun):
    run = new_run()
    handle = launched(place, run)
    place.wait_until_trained(run)

    place.emulator.faults.offline = True
    wait_until(lambda: rental_of(place, run).trouble)
    with pytest.raises(TargetError):
        place.launcher().state(handle)
    place.finish(run, 0)
    place.emulator.faults.offline = False

    assert gone(place, run).exit_code == 0
    assert rental_of(place, run).is_retrieved


def test_how_it_ended_is_known_from_the_log_while_the_pod_does_not_answer(
    place: RentedPlace, new_run: NewRun
):
    run = new_run()
    launched(place, run)
    place.wait_until_trained(run)

    place.emulator.faults.proxy = "502"
    place.finish(run, 7)
    wait_until(lambda: rental_of(place, run).exit_code == 7)
    assert not rental_of(place, run).is_over
    place.emulator.faults.proxy = ""

    assert gone(place, run).is_retrieved


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


def test_the_budget_is_a_hard_end(place: RentedPlace, new_run: NewRun):
    run = new_run(budget=0.0002)  # at 0.25 dollars an hour: three seconds
    launched(place, run)

    ended = gone(place, run)

    assert "budget" in ended.message
    [pod] = place.emulator.account.pods.values()
    assert pod.spent() <= 0.0003
    assert ended.cost(place.renting.clock()) >= pod.spent()


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


def test_the_reaper_leaves_a_pod_alone_that_another_made(place: RentedPlace, new_run: NewRun, reaper: Reaper):
    handle = launched(place, new_run())
    foreign = place.emulator.account.rent(_like(place, name="somebody-elses"))
    other_install = place.emulator.account.rent(_like(place, name="studio-ffffffff-0123456789ab-1"))

    reaper.reap()
    place.launcher().stop(handle, save=False)
    reaper.reap()

    assert set(living(place)) == {foreign.id, other_install.id}
    assert reaper.billing() == []
    with pytest.raises(TargetError, match="not started by this Tunewright"):
        reaper.end(foreign.id)


def test_a_pod_of_ours_that_no_run_knows_is_shown_with_its_price_and_ended_by_a_person_only(
    place: RentedPlace, reaper: Reaper
):
    name = f"studio-{place.renting.install()}-0123456789ab-7"
    stray = place.emulator.account.rent(_like(place, name=name))

    left = reaper.reap()

    assert living(place) == [stray.id]
    assert [(pod.name, pod.price) for pod in left.pods] == [(name, stray.price)]
    reaper.end(stray.id)
    assert living(place) == []
    assert reaper.reap().pods == ()


def test_a_second_pod_of_one_order_is_ended_and_counted(place: RentedPlace, new_run: NewRun, reaper: Reaper):
    run = new_run()
    handle = launched(place, run)
    double = place.emulator.account.rent(_like(place, name=str(handle)))

    reaper.reap()
    wait_until(lambda: double.is_gone)

    extra = next(r for r in place.renting.rentals.all() if r.pod_id == double.id)
    wait_until(lambda: place.renting.rentals.get(extra.name).is_over)
    assert place.renting.rentals.get(extra.name).cost(place.renting.clock()) >= double.spent()
    assert rental_of(place, run).is_wanted
    place.launcher().stop(handle, save=False)


def test_a_pod_that_turns_up_late_is_ended(place: RentedPlace, new_run: NewRun, reaper: Reaper):
    run = new_run()
    handle = launched(place, run)
    place.launcher().stop(handle, save=False)
    late = place.emulator.account.rent(_like(place, name=str(handle)))

    reaper.reap()

    wait_until(lambda: late.is_gone)
    assert all(r.state in (RentalState.ENDING, RentalState.GONE) for r in place.renting.rentals.all())


def test_a_late_answer_to_an_order_is_waited_for_by_whoever_asked(
    place: RentedPlace, new_run: NewRun, monkeypatch: pytest.MonkeyPatch
):
    run, create, keepers = new_run(), RunpodClient.create_pod, list[str]()

    def seen_meanwhile(client: RunpodClient, order: PodOrder) -> Pod:
        place.launcher().state(JobHandle(order.name))
        keepers.extend(thread.name for thread in threading.enumerate() if order.name in thread.name)
        return create(client, order)

    monkeypatch.setattr(RunpodClient, "create_pod", seen_meanwhile)
    handle = launched(place, run)

    assert keepers == []
    place.launcher().stop(handle, save=False)


def test_the_reaper_ends_a_pod_past_its_time_though_its_keeper_hangs(place: RentedPlace, new_run: NewRun):
    handle = launched(place, new_run())
    place.keepers.close()
    now = place.renting.clock()
    place.renting.rentals.update(str(handle), lambda r: replace(r, ends_by=now, train_until=now))

    Reaper(place.renting, Keepers(place.renting, Hanging)).reap()

    assert living(place) == []
    assert "deadline" in place.renting.rentals.get(str(handle)).message


def test_ending_the_second_pod_of_an_order_leaves_the_first_alone(
    place: RentedPlace, new_run: NewRun, reaper: Reaper
):
    run = new_run()
    handle = launched(place, run)
    double = place.emulator.account.rent(_like(place, name=str(handle)))

    reaper.end(double.id)

    assert double.is_gone
    assert rental_of(place, run).is_wanted
    with pytest.raises(TargetError, match="Runpod knows no pod"):
        reaper.end(double.id)
    place.launcher().stop(handle, save=False)


def test_an_app_that_closes_does_not_wait_for_a_runpod_that_is_silent(place: RentedPlace):
    place.renting.install()
    account, answered = Silent(), threading.Event()
    account.answers = answered

    Reaper(replace(place.renting, account=account), place.keepers).close(seconds=0.05)

    assert account.was_asked.is_set()
    answered.set()


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


def test_a_pod_that_answers_is_not_gone_though_another_accounts_key_finds_none(
    place: RentedPlace, new_run: NewRun
):
    handle = launched(place, new_run())
    wait_until(lambda: place.renting.rentals.get(str(handle)).state is RentalState.TRAINING)
    place.keepers.close()
    long_ago = place.renting.clock() - timedelta(minutes=5)
    place.renting.rentals.update(
        str(handle), lambda r: replace(r, state=RentalState.ENDING, state_since=long_ago, missed_at=long_ago)
    )
    [pod] = place.emulator.account.pods
    place.emulator.faults.vanished[pod] = 1

    told = Keeper(place.renting, str(handle)).advance()

    assert not told.is_over
    assert "and yet it answers. If the Runpod key was changed" in told.trouble
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


def test_why_it_ended_is_said_by_what_it_was_doing(place: RentedPlace, new_run: NewRun):
    handle = launched(place, new_run())
    place.launcher().stop(handle, save=False)
    rental = replace(place.renting.rentals.get(str(handle)), wish="", is_started=True)

    fetching = replace(rental, state=RentalState.RETRIEVING)
    training = replace(rental, state=RentalState.TRAINING)

    assert "before all that it made was fetched" in gone_words(fetching, rental.created_at)[0]
    assert "while the training ran" in gone_words(training, rental.created_at)[0]


class Hanging(Keeper):
    def advance(self) -> Rental:
        return self._renting.rentals.get(self._name)


class Silent(Account):
    def __init__(self) -> None:
        self.was_asked = threading.Event()
        self.answers = threading.Event()

    def cloud(self) -> RunpodCloud:
        self.was_asked.set()
        self.answers.wait()
        raise TargetError("Runpod cannot be reached.")


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


def test_nobody_is_asked_as_long_as_nothing_was_rented(place: RentedPlace, reaper: Reaper):
    assert reaper.reap().pods == ()
    assert place.emulator.requests == []
    assert urllib.request.urlopen(f"{place.emulator.url}/__control").status == 200


def _like(place: RentedPlace, *, name: str):
    return Wish(name=name, image="any", gpu=CHEAPEST, ports=["8080/http"], cmd=WITHOUT_AGENT)
