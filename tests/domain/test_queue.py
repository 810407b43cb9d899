"""Whose turn it is, and why the others wait."""

from dataclasses import replace
from datetime import datetime

import pytest

from app.domain.gpus import GIB, Gpu
from app.domain.queue import QueueRules, Turn, end_of_queue, moved, next_turn, waiting, within
from app.domain.renting import PodOptions
from app.domain.runs import RunStatus, Target
from tests.store import examples
from trainer_image.config import RunConfig

NOON = datetime(2026, 3, 1, 12)
IDLE = Gpu("A", 24 * GIB, 23 * GIB, busy_percent=0)
BUSY = Gpu("B", 24 * GIB, 23 * GIB, busy_percent=95)
FULL = Gpu("C", 24 * GIB, 5 * GIB, busy_percent=0)
ON_ALL = RunConfig(base_model="a/b", distributed={"nproc_per_node": "gpu"})


def queued(*names: str):
    return [
        examples.run(name, status=RunStatus.QUEUED, queue_position=place * 10)
        for place, name in enumerate(names, start=1)
    ]


def going(name: str = "going", **changes):
    return examples.run(name, **changes)


def order(runs) -> list[str]:
    return [run.id for run in waiting(runs)]


def test_the_queue_is_in_the_order_of_its_positions_and_new_ones_go_to_the_end():
    runs = queued("a", "b", "c")[::-1]

    assert order(runs) == ["a", "b", "c"]
    assert end_of_queue(runs) == 31
    assert end_of_queue([]) == 1


@pytest.mark.parametrize(
    ("run", "by", "expected"),
    [("c", -1, "acb"), ("a", 1, "bac"), ("a", 5, "bca"), ("c", -9, "cab"), ("a", -1, "abc"), ("x", 1, "abc")],
)
def test_a_run_moves_so_many_places_and_nobody_is_lost(run, by, expected):
    runs = {r.id: r for r in queued("a", "b", "c")}

    runs |= {r.id: r for r in moved(list(runs.values()), run, by)}

    assert order(runs.values()) == list(expected)
    assert sorted(r.queue_position for r in runs.values()) == [10, 20, 30]


def test_one_run_at_a_time_trains_on_a_computer_without_gpu():
    first, second = queued("a", "b")

    assert next_turn([first, second], QueueRules(), [], NOON).run == first
    waits = next_turn([going(), second], QueueRules(), [], NOON)
    assert (waits.run, waits.reason) == (None, "Waits until name of going has ended.")


def test_each_gpu_has_one_run_and_a_run_started_directly_takes_the_first():
    [first] = queued("a")

    beside_direct = next_turn([going(), first], QueueRules(), [IDLE, IDLE], NOON)
    beside_second = next_turn([going(gpu=1), first], QueueRules(), [IDLE, IDLE], NOON)
    full = next_turn([going("x", gpu=0), going("y", gpu=1), first], QueueRules(), [IDLE, IDLE], NOON)

    assert (beside_direct.gpu, beside_second.gpu, full.run) == (1, 0, None)


def test_a_run_over_all_gpus_waits_for_all_and_lets_nobody_beside_it():
    [first] = queued("a")
    spread = replace(first, config=ON_ALL)

    assert next_turn([going(gpu=1), spread], QueueRules(), [IDLE, IDLE], NOON).run is None
    assert next_turn([going(config=ON_ALL), first], QueueRules(), [IDLE, IDLE], NOON).run is None
    alone = next_turn([spread], QueueRules(), [IDLE, IDLE], NOON)
    assert (alone.run, alone.gpu) == (spread, None)


def test_only_an_idle_gpu_is_taken_if_that_is_asked_for():
    [first] = queued("a")
    rules = QueueRules(only_idle=True)

    assert next_turn([first], rules, [BUSY, IDLE], NOON).gpu == 1
    assert next_turn([first], rules, [IDLE], NOON).run == first
    for card in (BUSY, FULL):
        assert "no other program uses the GPU" in next_turn([first], rules, [card], NOON).reason
        assert next_turn([first], QueueRules(), [card], NOON).run == first
    assert next_turn([replace(first, config=ON_ALL)], rules, [IDLE, BUSY], NOON).run is None


@pytest.mark.parametrize(
    ("start", "end", "hour", "expected"),
    [
        (22, 6, 23, True),
        (22, 6, 0, True),
        (22, 6, 5, True),
        (22, 6, 6, False),
        (22, 6, 12, False),
        (1, 5, 3, True),
        (1, 5, 5, False),
        (1, 5, 0, False),
    ],
)
def test_the_night_may_go_over_midnight(start, end, hour, expected):
    rules = QueueRules(only_at_night=True, night_from=start, night_to=end)

    turn = next_turn(queued("a"), rules, [], NOON.replace(hour=hour))

    assert (turn.run is not None) is expected
    assert expected or f"from {start}:00 to {end}:00" in turn.reason


@pytest.mark.parametrize("cards", [[], [BUSY], [IDLE, IDLE]], ids=["no GPU", "one, busy", "two"])
def test_rented_gpus_and_those_here_do_not_wait_for_each_other(cards):
    here, rented = queued("a", "b")
    rented = replace(rented, target=Target.RUNPOD)
    idle = QueueRules(only_idle=True)

    assert next_turn([here, going(target=Target.RUNPOD)], QueueRules(), cards, NOON).run == here
    assert next_turn([rented, going()], idle, cards, NOON) == Turn(rented)
    assert "going" in next_turn([rented, going(target=Target.RUNPOD)], QueueRules(), cards, NOON).reason


RENTED = {"target": Target.RUNPOD, "pod": PodOptions(image="a/b", highest_price=2.0)}


def test_a_lane_that_cannot_go_on_keeps_none_of_the_other_waiting():
    rented, here = queued("a", "b")
    rented = replace(rented, **RENTED)
    no_money = QueueRules(most_dollars=1.0)
    assert next_turn([rented, here], no_money, [], NOON, spent=1.0).run == here
    assert next_turn([rented, here, going(target=Target.RUNPOD)], QueueRules(), [], NOON).run == here

    here, rented = queued("a", "b")
    rented = replace(rented, **RENTED)
    assert next_turn([here, rented, going()], QueueRules(), [], NOON).run == rented
    neither = next_turn([here, rented, going()], no_money, [], NOON, spent=1.0)
    assert neither.run is None
    assert neither.reason.startswith("Waits until name of going has ended. Rented runs have cost $1.00")


def test_who_is_held_keeps_its_place_and_lets_the_next_one_pass():
    first, second, third = queued("a", "b", "c")

    assert next_turn([first, second, third], QueueRules(), [], NOON, held={first.id}).run == second
    assert next_turn([first, second, third], QueueRules(), [], NOON).run == first
    everybody = {first.id, second.id, third.id}
    assert next_turn([first, second, third], QueueRules(), [], NOON, held=everybody).run is None


def test_who_waits_for_all_gpus_is_not_overtaken():
    first, second = queued("a", "b")
    spread = replace(first, config=ON_ALL)

    assert next_turn([spread, second, going(gpu=0)], QueueRules(), [IDLE, IDLE], NOON).run is None


def test_nothing_starts_while_the_queue_is_paused():
    turn = next_turn(queued("a"), QueueRules(is_paused=True), [], NOON)

    assert (turn.run, turn.reason) == (None, "The queue is paused.")


def test_the_queue_starts_no_rented_run_beyond_its_limit_in_money_and_keeps_each_within_it():
    pod = PodOptions(image="a/b", budget=5.0, highest_price=2.0)
    [rented] = [replace(r, target=Target.RUNPOD, pod=pod) for r in queued("a")]
    rules = QueueRules(most_dollars=20.0)

    assert next_turn([rented], rules, [], NOON, spent=17.0).run == rented
    assert within(rented, rules.dollars_left(17.0), 0.0).pod.budget == 3.0
    assert within(rented, rules.dollars_left(17.0), 1.0).pod.budget == 4.0  # of which 1 is among the 17
    assert within(rented, rules.dollars_left(3.0), 0.0).pod.budget == 5.0
    waits = next_turn([rented], rules, [], NOON, spent=19.9)
    assert waits.run is None
    assert waits.reason.startswith("Rented runs have cost $19.90 of the queue's limit of $20.00")
    assert next_turn(queued("a"), rules, [], NOON, spent=25.0).run is not None
