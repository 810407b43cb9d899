"""What is true of a rented pod, whatever happens to it in whatever order."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.reaping import Verdict, verdict
from app.domain.rental_names import is_ours, parsed, pod_name
from app.domain.rentals import CONFIRMED_AFTER, Rental, RentalState, spent, spent_since
from app.domain.runs import RunId

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
INSTALL = "0a1b2c3d"
NAME = pod_name(INSTALL, "0123456789ab", 1)
SECONDS = st.integers(0, 10**6).map(lambda s: timedelta(seconds=s))


def rental(**fields: object) -> Rental:
    known = {
        "name": NAME,
        "run_id": RunId("0123456789ab"),
        "attempt": 1,
        "gpu": "NVIDIA L4",
        "gpu_name": "L4",
        "price": 0.39,
        "budget": 5.0,
        "created_at": NOON,
        "train_until": NOON + timedelta(hours=1.8),
        "ends_by": NOON + timedelta(hours=2),
        "token_sha256": "00" * 32,
        "folder": Path("/somewhere"),
    }
    return Rental(**known | fields)  # type: ignore[arg-type]


@st.composite
def happenings(draw: st.DrawFn) -> Rental:
    """A rental after anything at all has happened to it, at growing times."""
    one, now = rental(), NOON
    for _ in range(draw(st.integers(0, 12))):
        now += draw(SECONDS)
        match draw(st.integers(0, 6)):
            case 0:
                one = one.made("pod-1", 0.0, now)
            case 1:
                one = one.to(
                    draw(st.sampled_from([s for s in RentalState if s is not RentalState.GONE])), now
                )
            case 2:
                one = one.failed("It did not come up.", "", now)
            case 3:
                one = one.missed(now)
            case 4:
                one = one.seen()
            case 5:
                one = one.back("pod-1", now)
            case _:
                one = one if one.was_made else one.refused("Nobody has one.", "")
    return one


@given(happenings(), SECONDS)
def test_it_costs_something_until_it_is_gone_and_nothing_after(one: Rental, later: timedelta):
    now = NOON + timedelta(days=400) + later

    if one.is_over:
        assert one.cost(now) == one.cost(now + timedelta(hours=1))
        assert one.ended_at is not None
    else:
        assert one.cost(now + timedelta(hours=1)) == pytest.approx(one.cost(now) + one.price)


@given(happenings(), st.sampled_from([s for s in RentalState if s is not RentalState.GONE]))
def test_a_rental_only_ever_goes_on(one: Rental, state: RentalState):
    order = list(RentalState)

    assert order.index(one.to(state, NOON).state) >= order.index(one.state)


@given(happenings(), SECONDS, SECONDS)
def test_it_is_gone_only_when_two_looks_far_enough_apart_missed_it(
    one: Rental, first: timedelta, between: timedelta
):
    there = one.seen()
    if there.is_over:
        return
    at = NOON + first

    once = there.missed(at)
    twice = once.missed(at + between)

    assert not once.is_over
    assert twice.is_over is (between >= CONFIRMED_AFTER)
    assert not once.seen().missed(at + between).is_over


def test_a_look_that_was_answered_late_counts_up_to_its_answer_and_confirms_only_what_it_was_asked_after():
    once = rental().made("pod-1", 0.0, NOON).missed(NOON + timedelta(minutes=1))
    answered = NOON + timedelta(minutes=2)

    early = once.missed(answered, asked=NOON + timedelta(seconds=61))
    later = once.missed(answered, asked=NOON + timedelta(seconds=71))

    assert not early.is_over
    assert later.ended_at == answered


def test_what_was_made_cannot_be_refused_afterwards():
    made = rental().made("pod-1", 0.0, NOON)

    with pytest.raises(ValueError, match="missed twice"):
        made.refused("There is none.", "")
    assert rental().refused("There is none.", "").cost(NOON + timedelta(days=1)) == 0


def test_the_first_reason_for_an_end_stays():
    one = rental().made("pod-1", 0.0, NOON).failed("It did not come up.", "", NOON)

    assert one.failed("Another one.", "", NOON).message == "It did not come up."


def test_the_price_that_is_billed_takes_the_place_of_the_one_offered():
    assert rental().made("pod-1", 0.5, NOON).cost(NOON + timedelta(hours=2)) == pytest.approx(1.0)
    assert rental().made("pod-1", 0.0, NOON).price == 0.39


@given(st.text("0123456789abcdef", min_size=6, max_size=32), st.integers(1, 9999))
def test_a_pods_name_says_whose_it_is_and_reads_back(run: str, attempt: int):
    name = pod_name(INSTALL, run, attempt)

    assert parsed(name) == (INSTALL, run, attempt)
    assert is_ours(name, INSTALL)
    assert not is_ours(name, "ffffffff")


@given(st.one_of(st.text(), st.from_regex(r"studio-[0-9a-f-]*", fullmatch=True)), happenings())
def test_a_pod_that_this_app_did_not_name_is_never_touched(name: str, one: Rental):
    is_named = name.startswith(f"studio-{INSTALL}-") and parsed(name) is not None

    for known in (one, None):
        found = verdict("pod-1", name, INSTALL, known, NOON + timedelta(days=9))
        assert (found is Verdict.NOT_OURS) is not is_named


@given(happenings(), SECONDS)
def test_a_pod_of_ours_lives_on_only_while_its_rental_wants_it_and_has_time(one: Rental, after: timedelta):
    now = NOON + after
    found = verdict("pod-1", one.name, INSTALL, one, now)

    assert (found is Verdict.KEEP) is (one.is_wanted and now < one.ends_by)
    assert found in (Verdict.KEEP, Verdict.END)


def test_of_two_pods_of_one_name_the_one_nobody_knows_is_ended():
    one = rental().made("pod-1", 0.0, NOON)

    assert verdict("pod-2", one.name, INSTALL, one, NOON) is Verdict.END
    assert verdict("pod-1", one.name, INSTALL, one, NOON) is Verdict.KEEP


def test_a_pod_of_ours_that_no_rental_knows_is_for_a_person_to_end():
    assert verdict("pod-1", NAME, INSTALL, None, NOON) is Verdict.ASK


def test_a_pod_that_turns_up_after_all_costs_from_its_order_on_and_is_to_end():
    never_seen = rental().missed(NOON).missed(NOON + timedelta(minutes=1))
    assert never_seen.is_over

    back = never_seen.back("pod-1", NOON + timedelta(minutes=30))

    assert not back.is_wanted
    assert back.cost(NOON + timedelta(hours=1)) == pytest.approx(back.price)


def test_a_pod_that_is_answered_after_it_was_given_up_is_to_end():
    given_up = rental().missed(NOON).missed(NOON + timedelta(minutes=1))

    late = given_up.made("pod-1", 0.5, NOON + timedelta(minutes=2))

    assert (late.state, late.pod_id, late.price) == (RentalState.ENDING, "pod-1", 0.5)


def test_of_two_processes_that_would_keep_a_pod_one_does():
    one = rental()

    first = one.kept_by("1:1.0", None)

    assert first.kept_by("2:1.0", None).keeper == "1:1.0"
    assert first.kept_by("2:1.0", "1:1.0").keeper == "2:1.0"


@given(happenings(), SECONDS, SECONDS)
def test_it_is_counted_up_to_the_look_that_confirmed_its_end_but_not_for_weeks(
    one: Rental, first: timedelta, between: timedelta
):
    if one.is_over:
        return
    last = NOON + timedelta(days=400) + first + CONFIRMED_AFTER + between
    for confirmed, ended in ((last, one.ends_by + timedelta(minutes=10)), (NOON + CONFIRMED_AFTER, None)):
        gone = one.seen().missed(confirmed - CONFIRMED_AFTER).missed(confirmed)
        assert gone.is_over
        assert gone.ended_at == (ended or confirmed)


def test_what_was_missed_before_does_not_count_once_the_rental_has_gone_on():
    once = rental().made("pod-1", 0.0, NOON).missed(NOON)

    later = once.to(RentalState.ENDING, NOON + timedelta(hours=1)).missed(NOON + timedelta(hours=1))

    assert not later.is_over


def test_what_pods_cost_from_a_moment_on_leaves_out_what_they_cost_before():
    over = rental(ended_at=NOON + timedelta(hours=1), state=RentalState.GONE, price=1.0)
    living = rental(created_at=NOON + timedelta(hours=1), price=2.0)
    now = NOON + timedelta(hours=2)

    assert spent_since([over, living], NOON, now) == pytest.approx(3.0)
    assert spent_since([over, living], NOON + timedelta(hours=0.5), now) == pytest.approx(2.5)
    assert spent_since([over, living], NOON + timedelta(hours=1.5), now) == pytest.approx(1.0)
    assert spent([over, living], over.run_id, now) == pytest.approx(3.0)
