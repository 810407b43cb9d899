"""A probe without a run: it measures what the run would take, and leaves nothing that looks like one."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainer_image.config import MEMORY_HISTORY_VARIABLE
from trainer_image.events import Memory, Metrics, Phase, Probed

from . import tiny

pytestmark = pytest.mark.training
TrainHere = Callable[..., tiny.Ran]

EVERYTHING: dict[str, Any] = {
    "save_steps": 1, "eval_steps": 1, "save_at_epoch": True, "validation": "share", "validation_share": 0.3,
    "push": {"repo_id": "me/model"}, "logging": {"tensorboard_log_dir": "boards"}, "offline": False,
}  # fmt: skip


@pytest.mark.parametrize("max_steps", [None, 1], ids=["a longer run", "a run of one step"])
def test_a_probe_measures_memory_and_the_time_of_a_step_and_leaves_no_result(
    tiny_model: Path, tmp_path: Path, train_here: TrainHere, max_steps: int | None
) -> None:
    folder = tiny.make_run(tmp_path / "run", tiny_model, max_steps=max_steps, **EVERYTHING)

    ran = train_here(folder, "--probe")

    (probed,) = ran.of(Probed)
    guess, measured = ran.of(Memory)
    assert (ran.code, ran.result.status, ran.result.output, ran.result.checkpoint) == (
        0,
        "finished",
        None,
        None,
    )
    assert measured.peak
    assert probed.peak >= measured.peak
    assert guess.peak is None
    assert probed.steps == len(ran.of(Metrics)) == min(3, max_steps or 3)
    assert probed.total_steps == (max_steps or 12)
    times = [event.elapsed_seconds for event in ran.of(Metrics)]
    taken = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else times[0]
    assert probed.seconds_per_step == pytest.approx(taken, abs=2e-3)
    assert "save" not in {phase.name for phase in ran.of(Phase)}
    left = {path.name for path in folder.rglob("*") if path.is_file()} - {"tokens.npy"}
    assert not left & {"adapter_config.json", "model.safetensors", "COMPLETE.json"}
    assert not (folder / "output").exists()
    assert not (folder / "boards").exists()


def test_the_next_estimate_knows_what_a_probe_measured(
    tiny_model: Path, tmp_path: Path, train_here: TrainHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MEMORY_HISTORY_VARIABLE, str(tmp_path / "shared.jsonl"))
    train_here(tiny.make_run(tmp_path / "probed", tiny_model), "--probe")

    ran = train_here(tiny.make_run(tmp_path / "run", tiny_model, max_steps=1))

    assert ran.of(Memory)[0].runs_known == 1


def test_a_folder_that_holds_a_run_is_not_probed_in(
    sft_run: tiny.Ran, train_here: TrainHere, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (sft_run.folder / "events.jsonl").read_bytes(), sft_run.result

    assert train_here(sft_run.folder, "--probe").code == 2

    assert "holds a run already" in capsys.readouterr().err
    assert ((sft_run.folder / "events.jsonl").read_bytes(), sft_run.result) == before


def test_a_backend_with_a_loop_of_its_own_cannot_be_probed(tmp_path: Path, train_here: TrainHere) -> None:
    folder = tiny.make_run(tmp_path / "run", "any", method={"kind": "osft"}, backend="mini-trainer")

    ran = train_here(folder, "--probe")

    assert ran.code != 0
    assert not ran.of(Probed)


def test_an_attended_probe_ends_with_whoever_asked(tiny_model: Path, tmp_path: Path) -> None:
    folder = tiny.make_run(tmp_path / "run", tiny_model, lines=[json.dumps(tiny.rows()[0])] * 4)
    process = tiny.start(folder, "--probe", "--attended", stdin=subprocess.PIPE)

    assert process.stdin
    process.stdin.close()
    process.wait(60)

    assert not (folder / "result.json").exists()
