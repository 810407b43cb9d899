"""Ordering a pod: what is written first, what is taken, what is sent back, and an answer that was lost."""

import json
import threading
from dataclasses import replace

import pytest

from app.adapters.runpod.client import RunpodClient
from app.domain.runpod_ports import NoCapacityError, NoCreditError, Pod, PodOrder
from app.domain.runs import JobHandle
from tests.launchers.rented_place import RentedPlace
from tests.renting.rented import CHEAPEST, NEXT, NewRun, launched, living, rental_of


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

    assert "Set the highest price to $0.39" in refusal.value.hint
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


def test_a_run_whose_order_was_turned_down_is_ordered_again_with_a_yes_to_the_next(
    place: RentedPlace, new_run: NewRun
):
    place.emulator.faults.no_capacity = {CHEAPEST}
    run = new_run()
    with pytest.raises(NoCapacityError) as refusal:
        launched(place, run)
    assert refusal.value.later is not None

    again = replace(run, pod=run.pod.agreeing_to(refusal.value.later))
    handle = launched(place, again)

    assert rental_of(place, again).gpu == NEXT
    assert len(place.renting.rentals.of(run.id)) == 1
    place.launcher().stop(handle, save=False)
