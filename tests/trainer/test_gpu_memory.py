"""The script that holds estimates against a GPU's peak, run on a CPU: it must work the day there is a GPU."""

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.gpu_memory import METHODS, MODELS, Work, in_a_process, line, page
from trainer_image.config import RunConfig
from trainer_image.events import Memory, Probed

from . import tiny

pytestmark = pytest.mark.training


def test_every_pair_has_a_line_also_one_that_cannot_run_here(
    tiny_model: Path, train_here: Callable[..., tiny.Ran]
) -> None:
    methods = ["sft", "lora", "lora, unsloth"]

    said = "".join(
        page(
            [str(tiny_model)], methods, Work(words=20, max_seq_len=256), lambda at: train_here(at, "--probe")
        )
    )

    rows = [row.split(" | ") for row in said.splitlines() if row.startswith(f"| {tiny_model}")]
    assert [row[1] for row in rows] == methods
    for row in rows[:2]:
        assert row[2] == "transformers"
        assert len(row[-1].split(", ")) == 3
    assert "not run:" in rows[2][2]
    assert "Computing on the CPU" in said
    assert "torch 2" in said


def test_all_its_pairs_are_runs_the_trainer_takes() -> None:
    assert len(MODELS) * len(METHODS) >= 6
    for settings in METHODS.values():
        RunConfig.model_validate({"base_model": "any", **settings})
    assert callable(in_a_process)


def test_the_drivers_own_memory_is_in_neither_number() -> None:
    guess = Memory(device="cuda", low=3 * 10**9, expected=4 * 10**9, high=5 * 10**9, terms={"context": 10**9})

    said = line("m", "lora", [guess, Probed(steps=3, total_steps=9, seconds_per_step=0.1, peak=33 * 10**8)])

    assert "| 3.00 (2.00 – 4.00) | 3.30 | +10 % | yes |" in said
