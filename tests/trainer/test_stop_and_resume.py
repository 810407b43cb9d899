"""Stopping on request, being killed, and going on exactly where the run was."""

# ruff: noqa: PLC0415 — torch and its friends take seconds: only the tests that need them pay

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from trainer_image.events import CheckpointSaved, Metrics, Notice, Problem, Started

from . import tiny
from .conftest import Interrupted, long_lora

pytestmark = pytest.mark.training


def test_sigterm_saves_a_checkpoint_and_the_result_so_far_and_leaves(interrupted_run: Interrupted) -> None:
    ran = interrupted_run.after_stop

    assert ran.code == 3, ran.log
    assert ran.result.status == "stopped"
    last = ran.of(Metrics)[-1].step
    assert 10 <= last < 100
    assert ran.result.step == last
    assert ran.result.checkpoint == f"checkpoints/samples_{4 * last}"
    assert ran.of(CheckpointSaved)[-1].step == last
    assert ran.result.output == "output"
    assert (ran.folder / "output" / "adapter_model.safetensors").is_file()


def test_a_stopped_and_then_killed_run_ends_with_the_same_losses_and_weights(
    interrupted_run: Interrupted, lora_run: tiny.Ran
) -> None:
    import torch
    from safetensors.torch import load_file

    assert interrupted_run.after_kill == -signal.SIGKILL
    finished = interrupted_run.finished
    assert finished.code == 0, finished.log
    assert tiny.losses(finished) == tiny.losses(lora_run)
    ours = load_file(finished.folder / "output" / "adapter_model.safetensors")
    theirs = load_file(lora_run.folder / "output" / "adapter_model.safetensors")
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_resumed_attempt_says_where_it_goes_on(interrupted_run: Interrupted) -> None:
    ran = interrupted_run.finished

    first, second, third = ran.of(Started)
    assert (first.attempt, second.attempt, third.attempt) == (1, 2, 3)
    assert first.resumed_from_step is None
    assert second.resumed_from_step == interrupted_run.after_stop.result.step
    begun = ran.events.index(third)
    after = [event for event in ran.events[begun:] if isinstance(event, Metrics)]
    assert after[0].step == (third.resumed_from_step or 0) + 1
    assert ran.result.attempt == 3


def test_counts_go_on_over_attempts(interrupted_run: Interrupted, lora_run: tiny.Ran) -> None:
    ours, theirs = interrupted_run.finished.of(Metrics)[-1], lora_run.of(Metrics)[-1]

    assert ours.tokens_seen == theirs.tokens_seen
    assert ours.samples_seen == theirs.samples_seen


def test_a_run_whose_steps_are_all_done_only_saves_its_result_when_resumed(
    lora_run: tiny.Ran, tmp_path: Path, train_here: Callable[..., tiny.Ran]
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(lora_run.folder, folder)
    shutil.rmtree(folder / "output")

    ran = train_here(folder, "--resume")

    assert ran.code == 0
    ours = (folder / "output" / "adapter_model.safetensors").read_bytes()
    assert ours == (lora_run.folder / "output" / "adapter_model.safetensors").read_bytes()
    assert ran.result.step == 100
    assert ran.result.final_loss == lora_run.result.final_loss
    assert len(ran.of(Metrics)) == 100


def test_an_older_checkpoint_is_gone_on_from_when_it_is_named_and_ends_with_the_same_weights(
    lora_run: tiny.Ran, tmp_path: Path, train_here: Callable[..., tiny.Ran]
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(lora_run.folder, folder)
    shutil.rmtree(folder / "output")

    ran = train_here(folder, "--resume", "--resume-from", "samples_360")

    assert ran.code == 0, ran.log
    assert ran.of(Started)[-1].resumed_from_step == 90
    assert [m.step for m in ran.of(Metrics)[100:]] == list(range(91, 101))
    ours = (folder / "output" / "adapter_model.safetensors").read_bytes()
    assert ours == (lora_run.folder / "output" / "adapter_model.safetensors").read_bytes()


def test_a_damaged_checkpoint_is_passed_over_and_the_run_ends_with_the_same_weights(
    lora_run: tiny.Ran, tmp_path: Path, train_here: Callable[..., tiny.Ran]
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(lora_run.folder, folder)
    shutil.rmtree(folder / "output")
    state = folder / "checkpoints" / "samples_400" / "optimizer.pt"
    content = bytearray(state.read_bytes())
    content[len(content) // 2] ^= 1
    state.write_bytes(content)

    ran = train_here(folder, "--resume")

    assert ran.code == 0, ran.log
    assert ran.of(Started)[-1].resumed_from_step == 90
    assert any("passed over: samples_400 (optimizer.pt)" in notice.message for notice in ran.of(Notice))
    ours = (folder / "output" / "adapter_model.safetensors").read_bytes()
    assert ours == (lora_run.folder / "output" / "adapter_model.safetensors").read_bytes()


def test_other_weights_under_the_base_models_name_are_refused_and_the_same_ones_elsewhere_are_not(
    lora_run: tiny.Ran, tiny_model: Path, tmp_path: Path, train_here: Callable[..., tiny.Ran]
) -> None:
    """As the app brings a model along: under another path, by the same name."""
    folder = tmp_path / "run"
    shutil.copytree(lora_run.folder, folder)
    config = json.loads((folder / "config.json").read_bytes())
    (folder / "config.json").write_text(json.dumps(config | {"base_model": f"models/{tiny_model.name}"}))
    shutil.copytree(tiny_model, folder / "models" / tiny_model.name)

    same = train_here(folder, "--resume")
    weights = folder / "models" / tiny_model.name / "model.safetensors"
    changed = bytearray(weights.read_bytes())
    changed[-8:] = bytes(8)
    weights.write_bytes(changed)
    other = train_here(folder, "--resume")

    assert (same.code, other.code) == (0, 1)
    assert "its base model is not the one it was started with" in other.result.message


def test_a_named_checkpoint_that_is_not_there_is_refused(
    lora_run: tiny.Ran, tmp_path: Path, train_here: Callable[..., tiny.Ran]
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(lora_run.folder, folder)

    ran = train_here(folder, "--resume", "--resume-from", "samples_1")

    assert ran.code == 1
    assert "no whole checkpoint of that name" in ran.of(Problem)[-1].message


@pytest.mark.parametrize(
    ("name", "value"),
    [("learning_rate", 1e-3), ("method", {"kind": "lora", "lora_r": 8}), ("num_epochs", 51), ("seed", 1)],
)
def test_resuming_with_another_setting_is_refused_by_name(
    interrupted_run: Interrupted,
    tmp_path: Path,
    train_here: Callable[..., tiny.Ran],
    name: str,
    value: object,
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(interrupted_run.after_stop.folder, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {name: value}))

    ran = train_here(folder, "--resume")

    assert ran.code == 1
    (problem,) = ran.of(Problem)
    assert name in problem.message
    assert "cannot be resumed" in problem.message
    assert ran.result.checkpoint == interrupted_run.after_stop.result.checkpoint


def test_resuming_with_other_data_is_refused(
    interrupted_run: Interrupted, tmp_path: Path, train_here: Callable[..., tiny.Ran]
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(interrupted_run.after_stop.folder, folder)
    data = folder / "data" / "train.jsonl"
    data.write_text(data.read_text().replace("Arn", "Arm"))

    ran = train_here(folder, "--resume")

    assert ran.code == 1
    assert "data has changed" in ran.of(Problem)[0].message


def test_with_nothing_to_resume_from_the_run_starts_at_the_beginning_and_says_so(
    tiny_model: Path, tmp_path: Path, train_here: Callable[..., tiny.Ran]
) -> None:
    folder = tiny.make_run(tmp_path / "run", tiny_model, max_steps=1, offline=False)

    ran = train_here(folder, "--resume", "--attempt", "7")

    assert ran.code == 0
    assert ran.of(Started)[0].attempt == ran.result.attempt == 7
    assert any("from the beginning" in notice.message for notice in ran.of(Notice))


def test_sigint_leaves_after_the_step_without_saving(tiny_model: Path, tmp_path: Path) -> None:
    folder = tiny.make_run(tmp_path / "run", tiny_model, **(long_lora() | {"save_steps": 1000}))
    process = tiny.start(folder)
    tiny.wait_for(process, lambda line: "step 1/100" in line)

    process.send_signal(signal.SIGINT)
    ran = tiny.finish(process, folder)

    assert ran.code == 3
    assert ran.result.status == "stopped"
    assert ran.result.step == ran.of(Metrics)[-1].step < 100
    assert ran.result.checkpoint is None
    assert ran.result.output is None
    assert not (folder / "output").exists()


def test_a_stop_while_loading_ends_the_run_at_once(tiny_model: Path, tmp_path: Path) -> None:
    folder = tiny.make_run(tmp_path / "run", tiny_model)
    process = tiny.start(folder)
    tiny.wait_for(process, lambda line: "Loading the model" in line)

    asked = time.monotonic()
    process.send_signal(signal.SIGTERM)
    ran = tiny.finish(process, folder)

    assert time.monotonic() - asked < 2
    assert ran.code == 3
    assert ran.result.status == "stopped"
    assert not ran.of(Metrics)


def test_a_second_signal_does_not_wait_for_the_step() -> None:
    program = (
        "import os, signal, threading\n"
        "from trainer_image.stopping import StopRequest, exit_at_once\n"
        "stop = StopRequest(lambda: exit_at_once(42))\nstop.listen()\nstop.defer()\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "while stop.wish is None: pass\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "threading.Event().wait(0.2)\n"  # time for a repeated SIGTERM to end it, which it must not
        "print(stop.wish, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGINT)\nthreading.Event().wait(20)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tiny.TRAIN.parents[1],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert (done.stdout, done.returncode) == ("save\n", 42)
