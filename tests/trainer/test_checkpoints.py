"""Which checkpoints count, and what stays on disk."""

import json
import os
from pathlib import Path

import pytest

from trainer_image import resuming
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

    chosen = resuming.named(checkpoints, "samples_20").checkpoint

    assert chosen
    assert (chosen.progress.step, newest_step(checkpoints)) == (5, 5)
    with pytest.raises(RunFailedError, match="no whole checkpoint of that name"):
        resuming.named(checkpoints, "samples_4")


def flip(path: Path, at: int = 3) -> None:
    """One bit of one byte: the size stays."""
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("file", ["model.safetensors", MARKER])
def test_one_flipped_bit_is_seen_and_the_run_goes_on_from_the_one_before(tmp_path: Path, file: str) -> None:
    checkpoints = Checkpoints(tmp_path, keep=3)
    for step in (5, 10):
        save(checkpoints, step)
    marker = checkpoints.folder / "samples_40" / MARKER
    flip(marker.with_name(file), at=marker.read_text().index("100") if file == MARKER else 3)

    ground = resuming.newest(checkpoints)

    assert ground.checkpoint
    assert ground.checkpoint.folder.name == "samples_20"
    ((level, sentence),) = ground.said
    assert level == "warning"
    assert "samples_40" in sentence
    assert "goes on from samples_20" in sentence
    assert newest_step(checkpoints) == 5
    save(checkpoints, 15)
    assert sorted(each.name for each in checkpoints.folder.iterdir()) == ["samples_20", "samples_60"]


def test_a_damaged_one_is_refused_by_name_and_where_there_is_no_other(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=3)
    flip(save(checkpoints, 5) / "model.safetensors")

    with pytest.raises(RunFailedError, match=r"model\.safetensors is not as it was written"):
        resuming.named(checkpoints, "samples_20")
    with pytest.raises(RunFailedError, match=r"Damaged: samples_20 \(model\.safetensors\)"):
        resuming.newest(checkpoints)
    assert (checkpoints.folder / "samples_20").is_dir()


def test_one_of_an_older_version_is_gone_on_from_and_said_to_have_no_checksums(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=3)
    marker = save(checkpoints, 5) / MARKER
    content = json.loads(marker.read_text())
    marker.write_text(json.dumps({name: content[name] for name in content.keys() - {"sums", "seal"}}))

    ground = resuming.newest(checkpoints)

    assert ground.checkpoint
    assert [sentence for _, sentence in ground.said] == [
        "samples_20 is of an older version and has no checksums; its files have their sizes."
    ]


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
