"""Before a pod is ordered: what it costs, what leaves this computer, and what was agreed to."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.adapters.sqlite.engine import open_database
from app.adapters.sqlite.runs import SqliteRunStore
from app.domain.errors import TargetError
from app.domain.preflight import Readiness
from app.domain.preflight_remarks import of_a_plan
from app.domain.preflight_words import facts, leaving, short_plan
from app.domain.renting import SETUP_SECONDS, CostPlan, Leaving, PodOptions, plan_of
from app.domain.runpod_ports import GpuOffer, NoCapacityError, Stock
from app.domain.runs import RunRequest, RunStatus, Target
from app.domain.setups import Setup
from app.services.renting.planning import RentingService, Speed
from app.services.run_requests import request_of_run
from app.ui.training.ready.checking import Checked, start
from tests.launchers.rented_place import POD, RentedPlace
from tests.renting.rented import NewRun
from tests.services.conftest import whole_checkpoint
from trainer_image.config import RunConfig

L4 = GpuOffer("NVIDIA L4", "L4", 24, 0.4, Stock.HIGH, 8)
PLAN = plan_of(
    (L4,),
    PodOptions(budget=2, hours=3),
    train_seconds=3600 - SETUP_SECONDS,
    measured_steps=120,
    leaving=[Leaving("data/train.jsonl", 3_000_000)],
    balance=12.0,
)
CONFIG = RunConfig(base_model="some/model", max_steps=10)


@pytest.fixture
def renting(place: RentedPlace, tmp_path: Path) -> RentingService:
    runs = SqliteRunStore(open_database(tmp_path / "rented" / "tunewright.db"))
    return RentingService(place.renting, runs, lambda _: 20 * 10**9, lambda _: 4000, lambda config: config)


def request(**options: object) -> RunRequest:
    return RunRequest(CONFIG, Target.RUNPOD, data_file=Path("rows.jsonl"), pod=replace(POD, **options))


def test_the_plan_is_said_with_price_time_total_limit_and_what_leaves():
    said = dict(facts(Readiness(plan=PLAN)))

    assert said["Cost"].startswith(
        "$0.40 an hour for L4 (24 GB); about 60 min, $0.40 (from 120 measured steps"
    )
    assert "never more than $1.20 or 3.0 hours" in said["Cost"]
    assert "3.0 MB are sent to the pod: data/train.jsonl" in said["Leaves"]
    assert short_plan(PLAN) == "L4: $0.40/h, about $0.40, at most $1.20"
    assert leaving(Readiness()) == ""


@pytest.mark.parametrize(
    ("balance", "seconds", "level", "words"),
    [
        (0.1, 60, "error", "nothing that cannot be paid for an hour"),
        (0.5, 60, "warning", "may cost up to $1.20"),
        (50, 5 * 3600, "warning", "would be stopped before its end"),
    ],
)
def test_what_speaks_against_renting_is_said_before(balance, seconds, level, words):
    [remark] = of_a_plan(replace(PLAN, balance=balance, train_seconds=seconds))

    assert (remark.about, remark.level) == ("Cost", level)
    assert words in remark.message


def test_only_gpus_that_hold_the_run_are_offered_and_planned_with(renting: RentingService):
    names = [offer.name for offer in renting.choices(CONFIG, PodOptions())]

    assert "RTX A4000" not in names  # 16 GB
    found = renting.plan(request(), steps=10)
    assert found.offer.name == "L4"
    assert found.seconds is None
    assert found.balance == pytest.approx(100, abs=1)
    assert [each.name for each in found.leaving] == ["data/train.jsonl", "config.json"]


def test_what_was_agreed_to_is_named_before_anything_is_ordered(renting: RentingService):
    asked = request(highest_price=0.7)
    agreed = renting.plan(asked, steps=10).agreed(asked.pod)

    assert agreed.gpus[0] == "NVIDIA L4"
    assert agreed.highest_price is not None
    assert agreed.highest_price <= 0.7


@pytest.mark.parametrize(("seen", "is_started"), [(None, False), (0.3, False), (0.4, True), (0.5, True)])
def test_a_run_that_costs_more_than_what_was_seen_is_shown_before_it_starts(
    seen: float | None, is_started: bool
):
    setup = Setup(config=CONFIG, target=Target.RUNPOD, file=Path("rows.jsonl"))
    place = Priced(PLAN)
    known = Checked()
    if seen is not None:
        plan = replace(PLAN, offer=replace(L4, price_per_hour=seen))
        known = Checked(setup.model_dump_json(), Readiness(plan=plan), at=-1000.0)

    found = start(place.services, setup, known, set())

    if is_started:
        assert [(run.pod.gpus, run.pod.highest_price) for run in place.started] == [(("NVIDIA L4",), 0.4)]
    else:
        assert (found.found.plan, place.started) == (PLAN, [])
        assert start(place.services, setup, found, set()) is place.started[0]


class Priced:
    """All that a start needs, where a check finds this price."""

    def __init__(self, plan: CostPlan) -> None:
        self.started: list[RunRequest] = []
        self.services = SimpleNamespace(
            training=SimpleNamespace(request_of=lambda *_: request(), start=self._start),
            preflight=SimpleNamespace(check=lambda _: Readiness(plan=plan)),
            settings=SimpleNamespace(remember_setup=lambda _: None),
            previews=SimpleNamespace(expected=lambda _: None),
        )

    def _start(self, wanted: RunRequest) -> RunRequest:
        self.started.append(wanted)
        return wanted


def test_a_run_with_a_volume_is_planned_where_the_volume_is(place: RentedPlace, renting: RentingService):
    volume = place.emulator.account.create_volume("mine", 10, "EU-CZ-1", "STANDARD")

    assert renting.plan(request(), steps=10).offer.name == "L4"  # of which there is none
    assert renting.plan(request(volume=volume.id), steps=10).offer.name == "RTX 4090"


def test_what_is_free_is_said_of_the_region_that_was_named(place: RentedPlace, renting: RentingService):
    volume = place.emulator.account.create_volume("mine", 10, "EU-CZ-1", "STANDARD")

    def stock(where: PodOptions) -> list[Stock]:
        found = {offer.name: offer.stock for offer in renting.choices(CONFIG, where)}
        return [found["L4"], found["RTX 4090"]]

    assert stock(PodOptions()) == [Stock.HIGH, Stock.HIGH]
    assert stock(PodOptions(region="US-KS-2")) == [Stock.HIGH, Stock.NONE]
    assert stock(PodOptions(volume=volume.id)) == [Stock.NONE, Stock.LOW]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"volume": "nope1"}, "knows no network volume nope1"),
        ({"region": "US-KS-2"}, "is in EU-CZ-1, not in"),
    ],
)
def test_a_volume_that_cannot_be_used_is_said_before_anything_is_ordered(
    place: RentedPlace, renting: RentingService, options: dict[str, str], said: str
):
    volume = place.emulator.account.create_volume("mine", 10, "EU-CZ-1", "STANDARD")

    with pytest.raises(TargetError, match=said):
        renting.plan(request(**{"volume": volume.id, **options}), steps=10)


def test_nothing_serves_at_a_price_nobody_asks(renting: RentingService):
    with pytest.raises(NoCapacityError, match="at the price you agreed to") as refusal:
        renting.plan(request(highest_price=0.01), steps=10)

    assert "Set the highest price to" in refusal.value.hint


@pytest.mark.parametrize(
    ("saved", "chosen", "left"),
    [((), "", 1000), ((500,), "", 500), ((500, 800), "", 200), ((500, 800), "samples_500", 500)],
    ids=["begins again", "an older one", "the newest", "the one it is told"],
)
def test_a_run_that_goes_on_is_priced_from_the_checkpoint_it_goes_on_from(
    renting: RentingService, new_run: NewRun, monkeypatch: pytest.MonkeyPatch, saved, chosen: str, left: int
):
    """It ended at step 900, which is another matter."""
    monkeypatch.setattr(renting, "_speed", lambda *_: Speed(seconds_per_example=1.0, steps=100))
    before = replace(new_run(), status=RunStatus.FAILED, step=900, config=CONFIG)
    for step in saved:
        whole_checkpoint(before, step, step)
    renting._runs.add(before)

    found = renting.plan(request_of_run(before, checkpoint=chosen), steps=1000)

    assert found.train_seconds == left * CONFIG.effective_batch_size
    sent = {each.name.split("/")[1] for each in found.leaving if each.name.startswith("checkpoints/")}
    assert not chosen or sent == {chosen}
