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
    """One at a step and two in the midst of writing; the order is left to chance, too."""
    dice = random.Random(seed)
    found = [Moment("file", dice.randrange(45, 110)) for _ in range(2)]
    found.append(Moment("step", dice.randrange(1, 5), dice.uniform(0, 0.01)))
    dice.shuffle(found)
    return found


def first_steps(ran: tiny.Ran) -> list[tuple[int, int]]:
    """(step it was resumed from, first step it computed) of each attempt that came to one."""
    found, resumed_at = [], None
    for event in ran.events:
        if isinstance(event, Started):
            resumed_at = event.resumed_from_step or 0
        elif isinstance(event, Metrics) and resumed_at is not None:
            found.append((resumed_at, event.step))
            resumed_at = None
    return found


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
    assert len(ran.of(Started)) == 4
    assert any(start.resumed_from_step for start in ran.of(Started))
    assert all(step == resumed_at + 1 for resumed_at, step in first_steps(ran))
    assert tiny.losses(ran) == tiny.losses(whole)
    assert all(event.loss == tiny.losses(whole)[event.step] for event in ran.of(Metrics))
    ours, theirs = (tiny.load_weights(each.folder / "output") for each in (ran, whole))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
