"""The one command starts as many processes as the config asks for, and they train as one does."""

# ruff: noqa: PLC0415 — torch and its friends take seconds: only the tests that need them pay

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainer_image.events import CheckpointSaved, Ended, Metrics, Plan, Problem, Started

from . import tiny

pytestmark = [
    pytest.mark.training,
    pytest.mark.skipif(sys.platform == "win32", reason="gloo under torchrun"),
]
TWO = {"nproc_per_node": 2}


def lines(count: int = 32) -> list[str]:
    return [
        json.dumps({"prompt": f"What is {n}?", "completion": "It is " + "so " * (n % 7)})
        for n in range(count)
    ]


def settings(**more: Any) -> dict[str, Any]:
    """Sixteen steps of eight examples, on one process with four batches a step, or on two with two."""
    return {"lines": lines(), "num_epochs": 4, "validation": "off", "save_steps": 4} | more


@pytest.fixture(scope="module")
def one(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> tiny.Ran:
    folder = tmp_path_factory.mktemp("one") / "run"
    return tiny.run(tiny.make_run(folder, tiny_model, **settings(gradient_accumulation_steps=4)))


def test_two_processes_stopped_and_resumed_have_the_loss_curve_of_one(
    one: tiny.Ran, tiny_model: Path, tmp_path: Path
) -> None:
    folder = tiny.make_run(tmp_path / "two", tiny_model, **settings(distributed=TWO))

    first = tiny.start(folder)
    tiny.wait_for(first, lambda line: "Checkpoint saved" in line)
    first.send_signal(signal.SIGTERM)
    stopped = tiny.finish(first, folder)

    assert stopped.code == 3, stopped.log
    assert stopped.result.status == "stopped"
    last = stopped.of(Metrics)[-1].step
    assert 4 <= last < 16
    assert stopped.of(CheckpointSaved)[-1].step == last

    finished = tiny.run(folder, "--resume")

    assert finished.code == 0, finished.log
    assert [(s.attempt, s.resumed_from_step) for s in finished.of(Started)] == [(1, None), (2, last)]
    assert finished.of(Plan)[0].effective_batch_size == one.of(Plan)[0].effective_batch_size == 8
    assert [event.status for event in finished.of(Ended)] == ["stopped", "finished"]
    ours, theirs = tiny.losses(finished), tiny.losses(one)
    assert ours.keys() == theirs.keys()
    assert max(abs(ours[step] - theirs[step]) for step in theirs) < 1e-6
    assert (folder / "output" / "model.safetensors").is_file()


@pytest.mark.parametrize("method", [{"kind": "sft"}, {"kind": "lora", "lora_r": 4}])
def test_a_model_in_parts_has_the_loss_curve_of_one_process(
    tiny_model: Path, tmp_path: Path, train_here: Callable[..., tiny.Ran], method: dict[str, Any]
) -> None:
    both = settings(method=method, num_epochs=2, offline=False)
    fsdp = {"distributed": TWO | {"strategy": "fsdp"}}
    alone = train_here(tiny.make_run(tmp_path / "one", tiny_model, **both, gradient_accumulation_steps=4))

    ran = tiny.run(tiny.make_run(tmp_path / "parts", tiny_model, **both, **fsdp))

    assert ran.code == 0, ran.log
    ours, theirs = tiny.losses(ran), tiny.losses(alone)
    assert ours.keys() == theirs.keys()
    assert max(abs(ours[step] - theirs[step]) for step in theirs) < 1e-6
    kinds = [tiny.load_weights(run.folder / "output") for run in (ran, alone)]
    assert kinds[0].keys() == kinds[1].keys()
