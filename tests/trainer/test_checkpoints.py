"""Which checkpoints count, and what stays on disk."""

import json
import os
from pathlib import Path

import pytest

from trainer_image.checkpoints import MARKER, Checkpoints, Progress, identity, require_same_run
from trainer_image.config import RunConfig
from trainer_image.problems import RunFailedError

CONFIG = RunConfig(base_model="tiny")


def progress(step: int, *, kept: bool = False) -> Progress:
    return Progress(
        step=step,
        total_steps=100,
        samples_seen=step * 4,
        tokens_seen=step * 100,
        elapsed_seconds=1.5,
        loss=2.0,
        identity=identity(CONFIG),
        data_sha256="abc",
        kept=kept,
    )


def save(checkpoints: Checkpoints, step: int, *, content: bytes = b"weights", kept: bool = False) -> Path:
    with checkpoints.writing(progress(step, kept=kept)):
        folder = checkpoints.partial / "checkpoint-7"
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(content)
    return checkpoints.folder / f"samples_{4 * step}"


def newest_step(checkpoints: Checkpoints) -> int | None:
    newest = checkpoints.newest()
    return newest.progress.step if newest else None


def test_the_newest_whole_checkpoint_is_found_and_old_ones_go(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=2)

    for step in (5, 10, 15):
        save(checkpoints, step)

    assert sorted(p.name for p in checkpoints.folder.iterdir()) == ["samples_40", "samples_60"]
    assert newest_step(checkpoints) == 15


def test_one_that_was_gone_back_to_is_the_newest_from_then_on(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=2)
    for step in (5, 10):
        save(checkpoints, step)

    chosen = checkpoints.to_resume("samples_20")

    assert chosen
    assert (chosen.progress.step, newest_step(checkpoints)) == (5, 5)
    with pytest.raises(RunFailedError, match="no whole checkpoint of that name"):
        checkpoints.to_resume("samples_4")


def test_the_best_one_and_those_asked_for_stay_beside_the_newest(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=1)

    save(checkpoints, 5, kept=True)
    checkpoints.best_step = 10
    for step in (10, 15, 20):
        save(checkpoints, step)
    before = {p.name for p in checkpoints.folder.iterdir()}
    checkpoints.best_step = 20
    save(Checkpoints(tmp_path, keep=1), 25)

    assert before == {"samples_20", "samples_40", "samples_80"}
    assert {p.name for p in checkpoints.folder.iterdir()} == {"samples_20", "samples_100"}


def test_a_checkpoint_of_an_older_version_is_found_by_its_content(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=1)
    save(checkpoints, 5).rename(checkpoints.folder / "step_5")

    newest = checkpoints.newest()

    assert newest
    assert checkpoints.path_of(newest) == "checkpoints/step_5"


def test_a_checkpoint_that_is_not_whole_is_passed_over(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=9)
    for step in (5, 10, 15, 20):
        save(checkpoints, step)

    (checkpoints.folder / "samples_80" / MARKER).unlink()
    (checkpoints.folder / "samples_60" / "model.safetensors").write_bytes(b"wei")
    (checkpoints.folder / "samples_40" / "model.safetensors").unlink()

    assert newest_step(checkpoints) == 5


def test_a_failed_write_leaves_the_earlier_one_and_nothing_partial(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=1)
    save(checkpoints, 5)

    with pytest.raises(ValueError, match="unpack"), checkpoints.writing(progress(10)):
        pass  # nothing was written

    assert [p.name for p in checkpoints.folder.iterdir()] == ["samples_20"]
    assert newest_step(checkpoints) == 5


def test_a_run_begun_anew_resumes_from_its_own_checkpoints(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=2)
    save(checkpoints, 50)

    save(checkpoints, 5)

    assert newest_step(checkpoints) == 5


def test_the_same_step_written_again_replaces_the_first(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=1)
    save(checkpoints, 5)

    folder = save(checkpoints, 5, content=b"newer")

    assert (folder / "model.safetensors").read_bytes() == b"newer"
    assert json.loads((folder / MARKER).read_text())["files"] == {"model.safetensors": 5}


def test_the_first_stays_whole_until_its_replacement_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = Checkpoints(tmp_path, keep=1)
    folder = save(checkpoints, 5)
    replace = os.replace

    def cut_off(source: Path, target: Path) -> None:
        if target == folder:
            raise OSError("killed, says the test")
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", cut_off)
        with pytest.raises(OSError, match="killed"):
            save(checkpoints, 5, content=b"newer")
        assert newest_step(checkpoints) == 5
    later = Checkpoints(tmp_path, keep=1)
    later.clear_partial()

    assert [p.name for p in later.folder.iterdir()] == ["samples_20"]
    assert (folder / "model.safetensors").read_bytes() == b"weights"


def test_settings_that_do_not_change_the_result_may_change() -> None:
    require_same_run(progress(5), CONFIG.model_copy(update={"save_steps": 3, "keep_checkpoints": 9}))

    with pytest.raises(RunFailedError, match=r"\(max_seq_len, seed\)"):
        require_same_run(progress(5), CONFIG.model_copy(update={"seed": 1, "max_seq_len": 9}))
