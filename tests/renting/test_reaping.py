"""The reaper: what it ends, what it leaves alone, and what it says of the rest."""

import threading
import urllib.request
from dataclasses import replace

import pytest

from app.domain.errors import TargetError
from app.domain.rentals import RentalState
from app.domain.runpod_ports import RunpodCloud
from app.services.renting.account import Account
from app.services.renting.keepers import Keepers
from app.services.renting.reaper import Reaper
from tests.launchers.places import wait_until
from tests.launchers.rented_place import RentedPlace
from tests.renting.rented import Hanging, NewRun, launched, like, living, rental_of


def test_the_reaper_leaves_a_pod_alone_that_another_made(place: RentedPlace, new_run: NewRun, reaper: Reaper):
    handle = launched(place, new_run())
    foreign = place.emulator.account.rent(like(place, name="somebody-elses"))
    other_install = place.emulator.account.rent(like(place, name="studio-ffffffff-0123456789ab-1"))

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
    stray = place.emulator.account.rent(like(place, name=name))

    left = reaper.reap()

    assert living(place) == [stray.id]
    assert [(pod.name, pod.price) for pod in left.pods] == [(name, stray.price)]
    reaper.end(stray.id)
    assert living(place) == []
    assert reaper.reap().pods == ()


def test_a_second_pod_of_one_order_is_ended_and_counted(place: RentedPlace, new_run: NewRun, reaper: Reaper):
    run = new_run()
    handle = launched(place, run)
    double = place.emulator.account.rent(like(place, name=str(handle)))

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
    late = place.emulator.account.rent(like(place, name=str(handle)))

    reaper.reap()

    wait_until(lambda: late.is_gone)
    assert all(r.state in (RentalState.ENDING, RentalState.GONE) for r in place.renting.rentals.all())


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
    double = place.emulator.account.rent(like(place, name=str(handle)))

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


def test_nobody_is_asked_as_long_as_nothing_was_rented(place: RentedPlace, reaper: Reaper):
    assert reaper.reap().pods == ()
    assert place.emulator.requests == []
    assert urllib.request.urlopen(f"{place.emulator.url}/__control").status == 200


class Silent(Account):
    def __init__(self) -> None:
        self.was_asked = threading.Event()
        self.answers = threading.Event()

    def cloud(self) -> RunpodCloud:
        self.was_asked.set()
        self.answers.wait()
        raise TargetError("Runpod cannot be reached.")
