"""Which GPUs are tried in which order, and what a person is told they cost."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.renting import (
    LEAST_HOURS,
    MOST_HOURS,
    SETUP_SECONDS,
    Leaving,
    Order,
    PodOptions,
    beyond,
    fits,
    ladder,
    plan_of,
    strength,
    term,
)
from app.domain.runpod_ports import GpuOffer, Stock

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
L4 = GpuOffer("NVIDIA L4", "L4", 24, 0.39, Stock.HIGH, 8)
ADA = GpuOffer("NVIDIA GeForce RTX 4090", "RTX 4090", 24, 0.69, Stock.LOW, 8)
A100 = GpuOffer("NVIDIA A100 80GB PCIe", "A100 PCIe", 80, 1.64, Stock.MEDIUM, 8)
H100 = GpuOffer("NVIDIA H100 80GB HBM3", "H100 SXM", 80, 2.99, Stock.HIGH, 8)
GONE = GpuOffer("NVIDIA A40", "A40", 48, 0.40, Stock.NONE, 8)
ALL = (H100, L4, GONE, A100, ADA)

offers = st.lists(
    st.builds(
        GpuOffer,
        id=st.text("abcdef", min_size=1, max_size=3),
        name=st.sampled_from(["L4", "H100 SXM", "A40", "no card"]),
        memory_gb=st.integers(8, 200),
        price_per_hour=st.floats(0, 20),
        stock=st.sampled_from(Stock),
        most_per_pod=st.just(8),
    ),
    unique_by=lambda offer: offer.id,
)
options = st.builds(
    PodOptions,
    order=st.sampled_from(Order),
    gpus=st.lists(st.text("abcdef", min_size=1, max_size=3), max_size=3, unique=True).map(tuple),
    highest_price=st.one_of(st.none(), st.floats(0.01, 20)),
)
bytes_ = st.one_of(st.none(), st.integers(0, 250 * 10**9))


@given(offers, bytes_, options)
def test_nothing_is_tried_that_does_not_fit_or_costs_more_than_was_agreed(found, needed, wanted):
    rungs = ladder(found, needed, wanted)

    for rung in rungs:
        assert fits(rung, needed)
        assert rung.stock is not Stock.NONE
        assert rung.price_per_hour > 0
        assert wanted.highest_price is None or rung.price_per_hour <= wanted.highest_price
        assert not wanted.gpus or rung.id in wanted.gpus
    later = beyond(found, needed, wanted, rungs)
    assert later is None or (later not in rungs and fits(later, needed))


@given(offers, bytes_)
def test_without_a_word_about_the_price_the_first_choice_is_the_dearest_that_is_taken(found, needed):
    for order in Order:
        rungs = ladder(found, needed, PodOptions(order=order))
        assert all(rung.price_per_hour <= rungs[0].price_per_hour for rung in rungs)


def test_the_cheapest_comes_first_or_the_strongest():
    dear = PodOptions(highest_price=10)

    assert ladder(ALL, None, dear) == (L4, ADA, A100, H100)
    fastest = PodOptions(order=Order.FASTEST, highest_price=10)
    assert ladder(ALL, None, fastest) == (H100, A100, ADA, L4)


def test_only_cards_that_hold_the_run_are_offered():
    assert ladder(ALL, 30 * 10**9, PodOptions(highest_price=10)) == (A100, H100)
    assert ladder(ALL, 79 * 10**9, PodOptions(highest_price=10)) == ()


def test_what_is_chosen_by_hand_keeps_its_order():
    chosen = PodOptions(gpus=(A100.id, L4.id))

    assert ladder(ALL, None, chosen) == (A100, L4)


def test_a_dearer_one_is_asked_about_when_the_agreed_ones_are_gone():
    rungs = ladder(ALL, None, PodOptions())

    assert rungs == (L4,)
    assert beyond(ALL, None, PodOptions(), rungs) == ADA


def test_a_card_nobody_listed_is_a_slow_one():
    assert strength("Q-Card 9000") < strength("Tesla V100") < strength("NVIDIA H100 80GB HBM3")


@given(st.floats(0.01, 50), st.floats(0.01, 1000), st.floats(LEAST_HOURS, MOST_HOURS))
def test_a_pod_can_never_cost_more_than_its_budget_nor_live_past_its_deadline(price, budget, hours):
    found = term(NOON, price, PodOptions(budget=budget, hours=hours))
    lives = (found.ends_by - NOON) / timedelta(hours=1)

    assert lives * price <= budget + 1e-6
    assert lives <= hours + 1e-9
    assert NOON < found.train_until < found.ends_by


def test_the_plan_says_what_it_costs_and_what_leaves_the_computer():
    found = plan_of(
        (L4, ADA),
        PodOptions(budget=2.0, hours=4),
        train_seconds=3600 - SETUP_SECONDS,
        measured_steps=200,
        leaving=[Leaving("data/train.jsonl", 3000), Leaving("config.json", 1000)],
        balance=12.5,
        later=A100,
    )

    assert found.total == pytest.approx(0.39)
    assert found.most == pytest.approx(2.0)
    assert found.hours == 4
    assert found.leaving_bytes == 4000


def test_nobody_pretends_to_know_how_long_an_unseen_gpu_takes():
    found = plan_of((H100,), PodOptions(budget=2.0, hours=4))

    assert found.total is None
    assert found.most == pytest.approx(2.0)
    assert found.hours == pytest.approx(2.0 / 2.99)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (PodOptions(), "image"),
        (PodOptions(image="a/b", budget=0), "budget"),
        (PodOptions(image="a/b", hours=0), "deadline"),
        (PodOptions(image="a/b", highest_price=0), "highest price"),
        (PodOptions(image="a/b", budget=-5), "budget"),
        (PodOptions(image="a/b", budget=float("nan")), "budget"),
        (PodOptions(image="a/b", hours=-1), "deadline"),
        (PodOptions(image="a/b", hours=float("inf")), "deadline"),
        (PodOptions(image="a/b", highest_price=-1), "highest price"),
        (PodOptions(image="my trainer"), "registry"),
        (PodOptions(image="tunewright-trainer:cuda"), "registry"),
        (PodOptions(image="localhost:5000/me/trainer:1"), "registry"),
        (PodOptions(image='a/b", env: [{'), "registry"),
        (PodOptions(image="a/b", region="Mars"), "region"),
        (PodOptions(image="a/b", volume="my volume"), "volume"),
    ],
)
def test_what_is_wrong_with_the_options_is_said(wrong: PodOptions, word: str):
    assert word in wrong.problem()


@pytest.mark.parametrize(
    "image",
    ["me/trainer", "ghcr.io/me/trainer:1", "registry.example:5000/a/b/c:v1.2", f"a/b@sha256:{'0' * 64}"],
)
def test_an_image_of_a_registry_is_taken_whatever_its_name(image: str):
    assert not PodOptions(image=image, region="US-KS-2", volume="2q9m7x4c").problem()
