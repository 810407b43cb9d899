"""The pod of a run on its card: what it is, what it has cost, and what is wrong, once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from app.domain.rentals import Rental, RentalState
from app.domain.runs import Run, RunStatus, Target
from app.ui.training.run.rental_card import RentalCard
from tests.launchers.places import make_run
from tests.ui.harness import mounted

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
TROUBLE = "The pod does not answer (code 502). Tunewright goes on trying."


@pytest.fixture
def run(tmp_path) -> Run:
    return replace(make_run(tmp_path / "run", "0123456789ab", target=Target.RUNPOD), status=RunStatus.RUNNING)


def renting_of(run: Run, **facts: object) -> SimpleNamespace:
    rental = Rental(
        name="studio-1-0123456789ab-1", run_id=run.id, attempt=1, gpu="L4", gpu_name="L4", price=0.5,
        budget=5.0, created_at=NOW, train_until=NOW, ends_by=NOW + timedelta(hours=2), token_sha256="",
        folder=run.folder, pod_id="pod-1", state=RentalState.TRAINING, **facts,
    )  # fmt: skip
    return SimpleNamespace(
        rental=lambda _: rental,
        rentals=lambda _: [rental, rental],
        cost=lambda _: 0.3001,
        seconds_left=lambda _: 5400.0,
    )


async def test_price_cost_of_all_pods_budget_and_end_are_shown(run):
    async with mounted(RentalCard, renting_of(run), run) as screen:
        await screen.wait_for(lambda: screen.identified("rental"))

        assert screen.identified("rental") == [
            "Training on the pod", "GPU L4", "Price $0.50 an hour", "So far, at most $0.61", "Budget $5.00",
            "Ends at the latest in 1 h 30 min",
        ]  # fmt: skip


@pytest.mark.parametrize(("message", "times"), [("", 1), (f"It cannot be seen now: {TROUBLE}", 0)])
async def test_what_is_wrong_is_said_unless_the_run_says_it_already(run, message, times):
    async with mounted(RentalCard, renting_of(run, trouble=TROUBLE), replace(run, message=message)) as screen:
        await screen.wait_for(lambda: screen.identified("rental"))

        assert screen.identified("rental").count(TROUBLE) == times
