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


def test_osft_in_two_processes_leaks_nothing_and_has_the_curve_of_one(
    tiny_model: Path, tmp_path: Path, train_here: Callable[..., tiny.Ran]
) -> None:
    both = settings(method={"kind": "osft"}, num_epochs=2, offline=False)
    alone = train_here(tiny.make_run(tmp_path / "one", tiny_model, **both, gradient_accumulation_steps=4))

    ran = tiny.run(tiny.make_run(tmp_path / "two", tiny_model, **both, distributed=TWO))

    assert ran.code == 0, ran.log
    ours, theirs = tiny.losses(ran), tiny.losses(alone)
    assert max(abs(ours[step] - theirs[step]) for step in theirs) < 1e-6
    parts = tiny.load_weights(ran.folder / "checkpoints" / "step_8")
    layers = [name.removesuffix("U_low") for name in parts if name.endswith("U_low")]
    assert len(layers) == 14
    for layer in layers:
        u_high, u_low = parts[layer + "U_high"], parts[layer + "U_low"]
        v_high, v_low = parts[layer + "V_high"], parts[layer + "V_low"]
        assert float((u_high.T @ u_low).norm() / u_low.norm()) < 1e-6
        assert float((v_low @ v_high.T).norm() / v_low.norm()) < 1e-6


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        ({"method": {"kind": "osft"}}, "OSFT cannot be trained in parts"),
        ({"method": {"kind": "lora", "load_in_4bit": True}}, "4 or 8 bits cannot be trained in parts"),
        ({"optimizer": "adamw_8bit"}, "8-bit optimisers cannot be trained in parts"),
    ],
)
def test_what_cannot_be_in_parts_is_refused_before_anything_is_loaded(
    tmp_path: Path, refused: dict[str, Any], words: str, train_here: Callable[..., tiny.Ran]
) -> None:
    folder = tiny.make_run(tmp_path / "run", "a/model", distributed={"strategy": "fsdp"}, **refused)

    ran = train_here(folder)

    assert ran.code == 1
    assert words in ran.of(Problem)[0].message


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_a_killed_process_ends_the_run_with_a_word_and_none_is_left(tiny_model: Path, tmp_path: Path) -> None:
    long = settings(distributed=TWO, num_epochs=500, save_steps=1000)
    folder = tiny.make_run(tmp_path / "run", tiny_model, **long)
    starter = tiny.start(folder)
    tiny.wait_for(starter, lambda line: "step 1/" in line)
    first, *others = sorted(_ranks_of(folder), key=lambda pid: _environment_of(pid)["RANK"])

    os.kill(first, signal.SIGKILL)
    ran = tiny.finish(starter, folder)

    assert ran.code == 1
    assert ran.result.status == "failed"
    assert "ended without a word" in ran.result.message
    assert ran.of(Ended)[-1].status == "failed"
    assert not _ranks_of(folder)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_killing_the_starter_kills_all(tiny_model: Path, tmp_path: Path) -> None:
    folder = tiny.make_run(tmp_path / "run", tiny_model, **settings(distributed=TWO, num_epochs=500))
    starter = tiny.start(folder)
    tiny.wait_for(starter, lambda line: "step 1/" in line)
    assert len(_ranks_of(folder)) == 2

    starter.kill()
    starter.communicate(timeout=60)  # ends when the last process that holds the log has ended

    assert not _ranks_of(folder)


def _ranks_of(folder: Path) -> list[int]:
    """Processes that train the run, by torchrun."""
    found = []
    for proc in Path("/proc").glob("[0-9]*"):
        try:
            command = (proc / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if str(folder) in command and "torch.distributed.run" not in command:
            found.append(int(proc.name))
    return [pid for pid in found if "LOCAL_RANK" in _environment_of(pid)]


def _environment_of(pid: int) -> dict[str, str]:
    try:
        lines = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    except OSError:
        return {}
    return dict(line.partition("=")[::2] for line in lines)
