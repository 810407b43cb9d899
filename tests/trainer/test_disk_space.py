"""Checkpoints and the disk: predicted before training, weights only when asked."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainer_image.config import Lora, RunConfig
from trainer_image.demand import work_of
from trainer_image.disk import require_space
from trainer_image.events import CheckpointSaved, Notice, Problem, parse_event
from trainer_image.problems import RunFailedError
from trainer_image.reporting import Reporter
from trainer_image.shapes import read_shape
from trainer_image.stored import checkpoint_bytes, result_bytes

from . import tiny

Train = Callable[..., tiny.Ran]


def test_a_run_whose_first_checkpoint_cannot_fit_is_refused_with_both_sizes(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free

    with pytest.raises(RunFailedError, match=r"takes about [\d.]+ GB, and [\d.]+ GB are free") as refused:
        require_space(tmp_path, 2 * free, 0, keep=1, reporter=Reporter(tmp_path))

    assert "save_full_state" in refused.value.hint


@pytest.mark.parametrize(("share", "warned"), [(0.4, True), (0.001, False)])
def test_all_that_are_kept_and_one_more_must_fit(tmp_path: Path, share: float, warned: bool) -> None:
    checkpoint = int(share * shutil.disk_usage(tmp_path).free)

    require_space(tmp_path, checkpoint, 0, keep=2, reporter=Reporter(tmp_path))

    events = [parse_event(line) for line in (tmp_path / "events.jsonl").read_bytes().splitlines()]
    (notice,) = [event for event in events if isinstance(event, Notice)]
    assert notice.level == ("warning" if warned else "info")
    assert ("may become full" if warned else "for each checkpoint") in notice.message


@pytest.mark.training
@pytest.mark.parametrize(
    "method",
    [
        {"kind": "sft"},
        {"kind": "lora", "target_modules": "attention", "use_dora": True},
        {"kind": "osft", "unfreeze_rank_ratio": 0.25, "target_patterns": ["mlp"]},
        {"kind": "osft", "train_rest": True},
    ],
    ids=str,
)
def test_a_checkpoint_and_a_result_are_as_large_as_predicted(
    method: dict[str, Any], tiny_model: Path, tmp_path: Path, train_here: Train
) -> None:
    ran = train_here(tiny.make_run(tmp_path / "run", tiny_model, method=method, max_steps=1, offline=False))
    config = RunConfig.model_validate_json((ran.folder / "config.json").read_bytes())
    work = work_of(config, device="cpu", bfloat16=False)

    predicted = checkpoint_bytes(read_shape(tiny_model), work, full_state=True)

    tensors = {"model.safetensors", "adapter_model.safetensors", "optimizer.pt"}
    files = (ran.folder / str(ran.result.checkpoint)).iterdir()
    written = sum(path.stat().st_size for path in files if path.name in tensors)
    assert predicted == pytest.approx(written, rel=0.35 if isinstance(config.method, Lora) else 0.06)
    saved = [ran.folder / "output" / name for name in tensors]
    result = next(path.stat().st_size for path in saved if path.is_file())
    assert result_bytes(read_shape(tiny_model), work) == pytest.approx(result, rel=0.2)


@pytest.mark.training
def test_checkpoints_of_weights_only_are_a_third_and_refused_for_resuming(
    tiny_model: Path, tmp_path: Path, train_here: Train, sft_run: tiny.Ran
) -> None:
    settings = {"save_full_state": False, "max_steps": 2, "save_steps": 1, "offline": False}
    folder = tiny.make_run(tmp_path / "run", tiny_model, **settings)

    ran = train_here(folder)
    again = train_here(folder, "--resume")

    assert [event.step for event in ran.of(CheckpointSaved)] == [1, 2]
    size, full = (
        sum(path.stat().st_size for path in (run.folder / str(run.result.checkpoint)).iterdir())
        for run in (ran, sft_run)
    )
    assert size < 0.4 * full
    assert again.code == 1
    assert "weights only" in again.of(Problem)[-1].message
