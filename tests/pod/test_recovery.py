"""What becomes of a training under which the container was restarted."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from trainer_image.pod.recovery import judge, newest_checkpoint
from trainer_image.pod.state import State

TRAINED = State(pod_id="pod-1", booted_at=900, boots=1, phase="running", attempt=2, started_at=1000)


def write(run_dir: Path, name: str, **content: object) -> None:
    path = run_dir / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def checkpoint(run_dir: Path, samples: int, *, saved_at: float, **files: int) -> None:
    write(run_dir, f"checkpoints/samples_{samples}/COMPLETE.json", saved_at=saved_at, files=files)


def test_it_goes_on_from_the_newest_whole_checkpoint(tmp_path: Path) -> None:
    checkpoint(tmp_path, 40, saved_at=1010)
    checkpoint(tmp_path, 80, saved_at=1020, weights=5)  # which are not there
    extended = replace(TRAINED, options=("--resume", "--extend", "--resume-from", "samples_20"))

    verdict = judge(tmp_path, extended, same_pod=True)

    assert newest_checkpoint(tmp_path) == "samples_40"
    assert verdict.options == ("--resume", "--extend")


def test_without_a_checkpoint_of_its_own_it_begins_as_it_was_begun(tmp_path: Path) -> None:
    checkpoint(tmp_path, 900, saved_at=990)

    verdict = judge(tmp_path, replace(TRAINED, options=("--resume-from", "samples_20")), same_pod=True)

    assert verdict.options == ("--resume-from", "samples_20")


@pytest.mark.parametrize("has_checkpoint", [False, True])
def test_what_needs_its_token_waits_for_it(tmp_path: Path, has_checkpoint: bool) -> None:
    if has_checkpoint:
        checkpoint(tmp_path, 40, saved_at=1010)
        write(tmp_path, "config.json", push={"repo_id": "me/it"})

    verdict = judge(tmp_path, replace(TRAINED, had_secrets=True), same_pod=True)

    assert (verdict.outcome, verdict.options) == (None, None)


def test_what_ends_its_container_three_times_at_one_place_is_lost(tmp_path: Path) -> None:
    checkpoint(tmp_path, 40, saved_at=1010)
    twice = replace(TRAINED, continued=2, continued_from="samples_40")

    assert judge(tmp_path, twice, same_pod=True).options
    assert judge(tmp_path, replace(twice, continued=3), same_pod=True).outcome == "lost"
    checkpoint(tmp_path, 80, saved_at=1020)
    assert judge(tmp_path, replace(twice, continued=3), same_pod=True).options


def test_only_a_result_of_this_attempt_is_its_end(tmp_path: Path) -> None:
    write(tmp_path, "result.json", attempt=1, status="finished")
    assert judge(tmp_path, TRAINED, same_pod=True).outcome is None

    write(tmp_path, "result.json", attempt=2, status="stopped")
    assert judge(tmp_path, TRAINED, same_pod=True).outcome == "stopped"
    assert judge(tmp_path, replace(TRAINED, left_for_platform=True), same_pod=True).outcome is None
