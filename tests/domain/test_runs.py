"""What is true of a run."""

from datetime import timedelta

import pytest

from app.domain.runs import JobHandle, RunStatus
from tests.launchers.places import NOON, make_run


@pytest.mark.parametrize("is_launched_again", [True, False])
def test_the_time_a_run_took_is_without_what_lay_between_a_stop_and_going_on(tmp_path, is_launched_again):
    def later(**how) -> object:
        return NOON + timedelta(**how)

    run = make_run(tmp_path / "run", "a1b2c3").launched(JobHandle("1"), NOON)
    run = run.ended(RunStatus.STOPPED, now=later(minutes=5)).begun_again("me", attempt=2)
    assert run.ended_at - run.started_at == timedelta(minutes=5)

    if is_launched_again:
        run = run.launched(JobHandle("2"), later(hours=12))
        assert run.ended_at is None
        run = run.launched(JobHandle("2"), later(hours=12, minutes=1))  # told once more that it goes
    ended = run.ended(RunStatus.FAILED, now=later(hours=12, minutes=2))

    at_work = timedelta(minutes=7 if is_launched_again else 5)
    assert ended.ended_at - ended.started_at == at_work
