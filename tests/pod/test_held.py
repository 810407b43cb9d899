"""A checkpoint is kept for the app that fetches it, though the trainer has dropped it."""

import json
import shutil
from pathlib import Path

from trainer_image.pod.outputs import Outputs


def checkpoint(run_dir: Path, samples: int) -> None:
    folder = run_dir / "checkpoints" / f"samples_{samples}"
    folder.mkdir(parents=True)
    (folder / "weights").write_text(str(samples))
    marker = {"saved_at": samples, "files": {"weights": len(str(samples))}}
    (folder / "COMPLETE.json").write_text(json.dumps(marker))


def drop(run_dir: Path, samples: int) -> None:
    shutil.rmtree(run_dir / "checkpoints" / f"samples_{samples}")


def offered(outputs: Outputs, *, ended: bool = False) -> set[str]:
    found = outputs.manifest(ended=ended, uploaded=set(), wait_seconds=30)
    assert found["complete"]
    return {file["path"].split("/")[1] for file in found["files"]}


def test_it_is_kept_until_it_was_fetched_and_then_the_newest_is(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path, tmp_path / ".pod")
    checkpoint(tmp_path, 40)
    assert offered(outputs) == {"samples_40"}
    checkpoint(tmp_path, 80)
    drop(tmp_path, 40)

    assert offered(outputs) == {"samples_40", "samples_80"}
    assert outputs.locate("checkpoints/samples_40/weights").read_text() == "40"
    assert outputs.sum_of("checkpoints/samples_40/weights")

    outputs.was_fetched("checkpoints/samples_40/COMPLETE.json")
    checkpoint(tmp_path, 120)
    drop(tmp_path, 80)
    assert offered(outputs) == {"samples_120"}
    drop(tmp_path, 120)
    assert offered(outputs) == {"samples_120"}


def test_it_takes_no_room_after_the_end_or_a_restart(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path, tmp_path / ".pod")
    checkpoint(tmp_path, 40)
    offered(outputs)
    assert (tmp_path / ".pod" / "held").exists()

    assert offered(outputs, ended=True) == {"samples_40"}
    assert not (tmp_path / ".pod" / "held").exists()
    offered(outputs)
    Outputs(tmp_path, tmp_path / ".pod")
    assert not (tmp_path / ".pod" / "held").exists()
