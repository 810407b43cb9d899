"""Killed at random moments, also while a checkpoint is written, and resumed each time: the same run."""

# ruff: noqa: PLC0415 — torch and its friends take seconds: only the tests that need them pay

import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from trainer_image.events import Metrics, Started

from . import tiny
from .killing import Moment

pytestmark = pytest.mark.training


def moments(seed: int) -> list[Moment]:
    """One at a step behind a whole checkpoint, then two in the midst of reading or writing one."""
    dice = random.Random(seed)
    found = [Moment("step", dice.randrange(3, 6), dice.uniform(0, 0.01))]
    found += [Moment("file", dice.randrange(1, 120)) for _ in range(2)]
    return found


def assert_it_went_on(ran: tiny.Ran) -> None:
    """Each but the first took up where a checkpoint was written; begun anew, it would learn the same."""
    began = [event.resumed_from_step for event in ran.of(Started)]
    assert len(began) == 4
    assert all(began[1:])
    next_step = 1
    for event in ran.events:
        match event:
            case Started():
                next_step = (event.resumed_from_step or 0) + 1
            case Metrics():
                assert event.step == next_step, f"it began at {began}"
                next_step += 1
            case _:
                pass


@pytest.mark.parametrize("method", ["sft", "osft"])
def test_a_run_that_is_killed_again_and_again_computes_what_it_would_have(
    tiny_model: Path, tmp_path: Path, two_processes: Callable[..., tiny.Ran], method: str
) -> None:
    import torch

    settings = {"method": {"kind": method}, "save_steps": 2}
    whole = two_processes(tiny.make_run(tmp_path / "whole", tiny_model, **settings), processes=1)
    folder = tiny.make_run(tmp_path / "killed", tiny_model, **settings)

    for moment in moments(seed=len(method)):
        killed = two_processes(folder, "--resume", processes=1, moment=moment)
        assert killed.code == signal.SIGKILL, killed.log
    ran = two_processes(folder, "--resume", processes=1)

    assert ran.code == 0, ran.log
    assert_it_went_on(ran)
    assert tiny.losses(ran) == tiny.losses(whole)
    assert all(event.loss == tiny.losses(whole)[event.step] for event in ran.of(Metrics))
    ours, theirs = (tiny.load_weights(each.folder / "output") for each in (ran, whole))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
