"""Processes of which one is different decide alike what is done next, and compute the same."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainer_image.events import CheckpointSaved, Evaluation, Metrics, Notice, Sample

from . import tiny
from .test_several_processes import TWO, lines, newest_checkpoint

pytestmark = [
    pytest.mark.training,
    pytest.mark.skipif(sys.platform == "win32", reason="gloo under torchrun"),
]
Train = Callable[..., tiny.Ran]


def settings(**more: Any) -> dict[str, Any]:
    """Eight steps of eight examples, a measurement after every second."""
    return {
        "lines": lines(40), "num_epochs": 9, "max_steps": 8, "save_steps": 100, "eval_steps": 2,
        "samples": 0, "offline": False, "learning_rate": 1e-3,
    } | more  # fmt: skip


def test_the_first_process_decides_which_measurement_is_best_and_whether_to_stop(
    tiny_model: Path, tmp_path: Path, two_processes: Train
) -> None:
    folder = tiny.make_run(tmp_path / "run", tiny_model, **settings(early_stopping_patience=1))

    ran = two_processes(folder, differs="measures_worse_each_time")

    assert ran.code == 0, ran.log
    assert [event.best for event in ran.of(Evaluation)] == [False, True, True, True, True]
    assert [event.step for event in ran.of(CheckpointSaved)] == [2, 4, 6, 8]
    assert ran.result.best_step == 8


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_a_process_whose_answers_are_longer_keeps_no_other_waiting(
    tiny_model: Path, tmp_path: Path, two_processes: Train, strategy: str
) -> None:
    asked = settings(samples=2, sample_tokens=3, max_steps=2, distributed=TWO | {"strategy": strategy})

    ran = two_processes(tiny.make_run(tmp_path / "run", tiny_model, **asked), differs="answers_longer")

    assert ran.code == 0, ran.log
    assert [event.step for event in ran.of(Sample)] == [0, 0, 2, 2]
    assert [event.step for event in ran.of(Metrics)] == [1, 2]


def test_with_the_model_in_parts_one_process_that_gives_samples_up_gives_up_those_of_all(
    tiny_model: Path, tmp_path: Path, two_processes: Train
) -> None:
    asked = settings(samples=1, sample_tokens=3, max_steps=4, distributed=TWO | {"strategy": "fsdp"})

    ran = two_processes(tiny.make_run(tmp_path / "run", tiny_model, **asked), differs="cannot_decode")

    assert ran.code == 0, ran.log
    assert [event.step for event in ran.of(Sample)] == [0]  # none at steps 2 and 4
    assert len(ran.of(Evaluation)) == 3


@pytest.mark.parametrize(
    ("differs", "packing"),
    [
        ("has_room_for_one_row", False),
        ("has_no_room_for_activations", False),
        ("has_no_room_for_activations", True),
    ],
)
def test_when_memory_runs_out_in_one_process_all_take_smaller_parts_and_learn_the_same(
    tiny_model: Path, tmp_path: Path, two_processes: Train, differs: str, packing: bool
) -> None:
    asked = settings(validation="off", max_steps=4, save_steps=2, packing=packing, max_seq_len=48)
    equal = two_processes(tiny.make_run(tmp_path / "equal", tiny_model, **asked))

    ran = two_processes(tiny.make_run(tmp_path / "run", tiny_model, **asked), differs=differs)

    assert ran.code == 0, ran.log
    ours, theirs = tiny.losses(ran), tiny.losses(equal)
    assert ours.keys() == theirs.keys()
    assert max(abs(ours[step] - theirs[step]) for step in theirs) < 1e-5
    (agreed,) = [n.message for n in ran.of(Notice) if "one of the processes" in n.message]
    assert "From here on all compute in its smaller parts" in agreed
    # Written by the first process, which itself never ran out.
    kept = json.loads((newest_checkpoint(ran.folder) / "COMPLETE.json").read_text())["memory"]
    assert kept["limit"] == 1 if differs == "has_room_for_one_row" else kept["recompute"]


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_a_process_for_which_nothing_is_small_enough_ends_the_run_for_all(
    tiny_model: Path, tmp_path: Path, two_processes: Train, strategy: str
) -> None:
    asked = settings(validation="off", distributed=TWO | {"strategy": strategy})

    ran = two_processes(tiny.make_run(tmp_path / "run", tiny_model, **asked), differs="has_no_room_at_all")

    assert ran.code == 1, ran.log  # 14 would be our patience
    assert ran.result.status == "failed"
