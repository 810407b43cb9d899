"""A run on a rented pod while something goes wrong: what is lost, and what is said."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app.adapters.environment_secrets import EnvironmentSecrets
from app.adapters.runpod.agents import RentedAgent
from app.adapters.runpod.client import RunpodClient
from app.adapters.runpod.places import places
from app.domain.errors import TargetError
from app.domain.rental_ports import AgentSilentError, PodStart
from app.domain.rentals import RentalState
from app.domain.runs import JobPhase
from app.services.renting.account import Account
from app.services.renting.keepers import Keepers
from app.services.renting.keeping import Keeper
from app.services.renting.words import gone_words
from tests.launchers.places import wait_until
from tests.launchers.rented_place import RentedPlace
from tests.renting.rented import NewRun, gone, launched, living, rental_of


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


@pytest.mark.parametrize("state", [RentalState.TRAINING, RentalState.ENDING])
def test_a_pod_that_lived_on_while_runpod_took_its_time_to_say_it_is_gone_is_counted_so_long(
    place: RentedPlace, new_run: NewRun, state: RentalState
):
    run = new_run()
    handle = launched(place, run)
    place.wait_until_trained(run)
    place.keepers.close()
    [pod] = place.emulator.account.pods.values()
    clock = place.emulator.account.clock
    long_ago = clock.now() - timedelta(minutes=5)
    place.renting.rentals.update(
        str(handle), lambda r: replace(r, state=state, state_since=long_ago, missed_at=long_ago)
    )

    class Slow(RunpodClient):
        def pod(self, pod_id: str):
            clock.advance(3600)  # while it is asked
            place.emulator.account.lose(pod_id)
            return super().pod(pod_id)

    secrets = EnvironmentSecrets(place.emulator.environment())
    account = Account(secrets, Slow(secrets, where=lambda: places(place.emulator.environment())), lambda: "")
    renting = replace(place.renting, account=account, clock=clock.now)
    place.emulator.faults.proxy = "502"
    told = Keeper(renting, str(handle)).advance()

    assert told.is_over
    assert told.cost(clock.now()) >= pod.spent() > told.price


def test_an_hour_without_network_is_said_and_forgotten(place: RentedPlace, new_run: NewRun):
    clock = place.emulator.account.clock
    place.renting = replace(place.renting, clock=clock.now)
    place.keepers = Keepers(place.renting)
    run = new_run()
    handle = launched(place, run)
    place.wait_until_trained(run)

    place.emulator.faults.offline = True
    wait_until(lambda: rental_of(place, run).trouble)
    clock.advance(3600)
    with pytest.raises(TargetError, match="cannot be reached"):
        place.launcher().state(handle)
    place.finish(run, 0)
    place.emulator.faults.offline = False

    ended = gone(place, run)
    [pod] = place.emulator.account.pods.values()
    assert (ended.exit_code, ended.is_retrieved, ended.trouble) == (0, True, "")
    assert ended.cost(clock.now()) >= pod.spent() > ended.price


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


def test_why_it_ended_is_said_by_what_it_was_doing(place: RentedPlace, new_run: NewRun):
    handle = launched(place, new_run())
    place.launcher().stop(handle, save=False)
    rental = replace(place.renting.rentals.get(str(handle)), wish="", is_started=True)

    fetching = replace(rental, state=RentalState.RETRIEVING)
    training = replace(rental, state=RentalState.TRAINING)

    assert "before all that it made was fetched" in gone_words(fetching, rental.created_at)[0]
    assert "while the training ran" in gone_words(training, rental.created_at)[0]


def test_an_upload_that_the_agent_will_never_take_ends_the_pod_with_its_reason(
    place: RentedPlace, new_run: NewRun
):
    run = new_run()
    (run.folder / "data").mkdir(parents=True, exist_ok=True)
    (run.folder / "data/train.jsonl").write_text("{}\n")
    place.keepers = Keepers(replace(place.renting, agents=Outside))

    launched(place, run)

    ended = gone(place, run)
    assert "refused: A path must lie in the run's folder" in ended.message
    assert not ended.is_started
    assert living(place) == []


def test_a_start_that_was_not_answered_is_never_called_not_begun(place: RentedPlace, new_run: NewRun):
    run = new_run()

    class Unanswered(RentedAgent):
        def start(self, start: PodStart) -> None:
            super().start(start)
            place.emulator.faults.proxy = "502"
            raise AgentSilentError("The pod does not answer.", "")

    place.keepers = Keepers(replace(place.renting, agents=Unanswered))
    launched(place, run)
    wait_until(lambda: place.emulator.faults.proxy)

    place.emulator.account.lose(living(place)[0])

    assert "whether it ran is not known" in gone(place, run).message


class Outside(RentedAgent):
    """Sends every file to where the agent lets nobody write."""

    def send(self, source: Path, path: str, on_bytes: Callable[[int], None]) -> None:
        super().send(source, f"outside\\{path}", on_bytes)
