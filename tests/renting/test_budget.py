"""The budget: hard, and for all that a run costs on all its pods together."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.errors import TargetError
from app.domain.rentals import RentalState
from app.domain.runs import Run
from app.services.renting.keepers import Keepers
from app.services.renting.keeping import Keeper
from app.services.renting.reaper import Reaper
from tests.launchers.places import next_attempt
from tests.launchers.rented_place import RentedPlace
from tests.renting.rented import Hanging, NewRun, gone, launched, rental_of


def test_the_budget_is_a_hard_end(place: RentedPlace, new_run: NewRun):
    run = new_run(budget=0.0002)  # at 0.25 dollars an hour: three seconds
    launched(place, run)

    ended = gone(place, run)

    assert "budget" in ended.message
    [pod] = place.emulator.account.pods.values()
    assert pod.spent() <= 0.0003
    assert ended.cost(place.renting.clock()) >= pod.spent()


def test_what_earlier_pods_of_a_run_have_cost_counts_in_the_plan_the_pod_and_at_runpod(
    place: RentedPlace, new_run: NewRun
):
    run = new_run(budget=2.0)
    place.launcher().stop(launched(place, run), save=False)
    cost_before(place, run, 1.9)
    again = next_attempt(run)

    handle = place.launcher().launch(again, resume=True, secrets={})

    second = rental_of(place, again)
    [wish] = [pod.wish for pod in place.emulator.account.living]
    left = 2.0 - second.spent_before
    assert left == pytest.approx(0.1)
    assert float(wish.env["STUDIO_BUDGET_USD"]) == pytest.approx(left, abs=1e-4)
    assert (second.ends_by - second.created_at).total_seconds() == pytest.approx(left / 0.25 * 3600, abs=1)
    assert wish.terminate_after is not None
    assert abs((wish.terminate_after - second.ends_by).total_seconds()) < 1
    place.launcher().stop(handle, save=False)


def test_no_pod_is_ordered_for_a_run_that_has_used_up_its_budget(place: RentedPlace, new_run: NewRun):
    run = new_run(budget=2.0)
    place.launcher().stop(launched(place, run), save=False)
    cost_before(place, run, 1.99)

    with pytest.raises(TargetError, match=r"has cost \$1\.99 of its budget of \$2\.00") as refusal:
        place.launcher().launch(next_attempt(run), resume=True, secrets={})

    assert "for everything together" in refusal.value.hint
    assert len(place.emulator.account.pods) == 1


@pytest.mark.parametrize("who", ["keeper", "reaper"])
def test_a_budget_that_other_pods_of_the_run_used_up_meanwhile_ends_this_one(
    place: RentedPlace, new_run: NewRun, who: str
):
    run = new_run(budget=2.0)
    handle = launched(place, run)
    place.keepers.close()
    now = place.renting.clock()
    second = replace(
        rental_of(place, run),
        name=f"{handle}+double",
        pod_id="double",
        state=RentalState.GONE,
        created_at=now - timedelta(hours=9),
        ended_at=now,
    )
    place.renting.rentals.add(second)

    if who == "keeper":
        Keeper(place.renting, str(handle)).advance()
    else:
        Reaper(place.renting, Keepers(place.renting, Hanging)).reap()

    ended = place.renting.rentals.get(str(handle))
    assert ended.state is RentalState.ENDING
    assert "used up by all pods of the run together" in ended.message
    place.keepers = Keepers(place.renting)
    place.launcher().stop(handle, save=False)


def cost_before(place: RentedPlace, run: Run, dollars: float) -> None:
    """As if its pod had lived so long."""
    rental = rental_of(place, run)
    assert rental.ended_at is not None
    since = rental.ended_at - timedelta(hours=dollars / rental.price)
    place.renting.rentals.update(rental.name, lambda r: replace(r, created_at=since))
