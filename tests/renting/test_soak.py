"""The soak in small: a few seeded runs while everything fails, and not a cent or a pod is left over."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.domain.rentals import Rental, RentalState
from app.domain.runs import RunStatus, Target
from benchmarks.rented.judging import ADAPTER, Billed, Evidence, broken
from benchmarks.rented.quick_trainer import adapter_of
from benchmarks.runpod_soak import Soak
from tests.launchers.places import make_run

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
RUN = "0123456789ab"


def test_whatever_fails_no_pod_is_left_and_no_dollar_uncounted(tmp_path: Path):
    report = Soak(tmp_path, runs=5, seed=3, together=5).go()

    assert report.broken == []
    assert sum(report.ended.values()) == 5
    assert report.counted >= report.billed > 0


@pytest.fixture
def kept(tmp_path: Path) -> Evidence:
    """One run on one pod for an hour, of which everything that is told is true."""
    run = replace(
        make_run(tmp_path / "run", RUN, target=Target.RUNPOD), name="soak-0000", status=RunStatus.FINISHED
    )
    (run.folder / ADAPTER).parent.mkdir(parents=True)
    (run.folder / ADAPTER).write_bytes(adapter_of(RUN))
    gone = NOON + timedelta(hours=1)
    rental = Rental(
        name="studio-1-0123456789ab-1", run_id=RUN, attempt=1, gpu="L4", gpu_name="L4", price=0.5, budget=5.0,
        created_at=NOON, train_until=gone, ends_by=gone, token_sha256="", folder=run.folder, pod_id="pod-1",
        state=RentalState.GONE, is_started=True, is_retrieved=True, ended_at=gone,
    )  # fmt: skip
    pod = Billed("pod-1", rental.name, 0.49, gone)
    return Evidence([pod], [rental], [run], [run.name], {RUN: ["started", "finished"]})


def test_the_judge_says_nothing_where_all_was_kept(kept: Evidence):
    assert list(broken(kept)) == []


def pod(kept: Evidence, **other: object) -> Evidence:
    return replace(kept, pods=[replace(kept.pods[0], **other)])


def rental(kept: Evidence, **other: object) -> Evidence:
    return replace(kept, rentals=[replace(kept.rentals[0], **other)])


def run(kept: Evidence, **other: object) -> Evidence:
    return replace(kept, runs=[replace(kept.runs[0], **other)])


def damaged(kept: Evidence) -> Evidence:
    (kept.runs[0].folder / ADAPTER).write_bytes(b"half of it")
    return kept


def begun_only(kept: Evidence) -> Evidence:
    told = {RUN: ["started"]}
    message = "The pod was gone before the training began: not by this app."
    return replace(run(kept, status=RunStatus.FAILED, message=message), told=told)


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        (lambda it: pod(it, ended=None), "still lives"),
        (lambda it: pod(it, ended=NOON + timedelta(hours=1, seconds=3)), "past its deadline"),
        (lambda it: pod(it, spent=0.51), "cost $0.510000 and $0.500000 was counted"),
        (lambda it: pod(it, id="pod-2", name="studio-1-ffff-1"), "that nobody counted"),
        (lambda it: replace(it, pods=[it.pods[0], replace(it.pods[0], id="pod-2")]), "cost $0.98"),
        (lambda it: rental(it, state=RentalState.ENDING), "ending for ever"),
        (lambda it: run(it, status=RunStatus.RUNNING), "running for ever"),
        (
            lambda it: run(it, status=RunStatus.FAILED, message="It failed."),
            "came home, and is called",
        ),
        (lambda it: replace(it, told={RUN: ["started"]}), "is called finished and is not"),
        (lambda it: replace(run(it, status=RunStatus.FAILED), told={}), "nobody says why"),
        (lambda it: replace(it, ordered=["soak-0000", "soak-0001"]), "is there 0 times"),
        (damaged, "missing or damaged"),
        (begun_only, "is said not to have been"),
    ],
)
def test_the_judge_finds_each_promise_that_was_broken(
    kept: Evidence, lie: Callable[[Evidence], Evidence], said: str
):
    [found] = broken(lie(kept))

    assert said in found
