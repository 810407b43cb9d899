"""Processes of which one is different decide alike what is done next, and compute the same."""

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from trainer_image import beginning_again, ranks
from trainer_image.checkpoints import FoundMemory, Progress
from trainer_image.events import CheckpointSaved, Ended, Evaluation, Metrics, Notice, Sample

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


@pytest.fixture(scope="module")
def alike(
    tiny_model: Path, two_processes: Train, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., tiny.Ran]:
    """A run of two processes that do not differ, by its settings; each is trained once."""
    known: dict[str, tiny.Ran] = {}

    def run(**asked: Any) -> tiny.Ran:
        name = json.dumps(asked, sort_keys=True)
        if name not in known:
            known[name] = two_processes(
                tiny.make_run(tmp_path_factory.mktemp("alike") / "run", tiny_model, **asked)
            )
        return known[name]

    return run


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
    tiny_model: Path, tmp_path: Path, two_processes: Train, alike: Train, differs: str, packing: bool
) -> None:
    asked = settings(validation="off", max_steps=4, save_steps=2, packing=packing, max_seq_len=48)
    equal = alike(**asked)

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


@pytest.mark.parametrize(
    ("differs", "found", "validation", "computers"),
    [
        ("has_no_room_for_what_is_not_wrapped", {"limit": 1, "recompute": True}, "off", 1),
        ("has_room_to_measure_one_row", {"measured": 1}, "auto", 2),
    ],
)
def test_with_the_model_in_parts_all_begin_again_in_smaller_parts_and_learn_the_same(
    tiny_model: Path,
    tmp_path: Path,
    two_processes: Train,
    differs: str,
    found: dict[str, Any],
    validation: str,
    computers: int,
) -> None:
    fsdp = TWO | {"strategy": "fsdp"}
    asked = settings(validation=validation, max_steps=4, save_steps=2, distributed=fsdp, eval_steps=4)
    equal = two_processes(tiny.make_run(tmp_path / "equal", tiny_model, **asked))
    assert equal.code == 0, equal.log
    folder = tiny.make_run(tmp_path / "run", tiny_model, **asked)
    starts: list[list[str]] = []

    def once(arguments: Sequence[str], environment: Mapping[str, str]) -> tuple[int, FoundMemory | None]:
        notes = tmp_path / f"notes-{len(starts)}"
        for number in range(computers):
            (notes / str(number)).mkdir(parents=True)
        starts.append([*arguments])
        place = {**environment, ranks.FOLDER: str(notes)}
        ran = two_processes(
            folder, *arguments, "--attempt", "1", differs=differs, environment=place, computers=computers
        )
        return ran.code, beginning_again.noted(ranks.shared_in(notes / "0") or notes)

    code = beginning_again.until_it_fits(once, [], folder)

    ran = tiny.Ran(folder, code, "")
    ours, theirs = tiny.losses(ran), tiny.losses(equal)
    assert ours.keys() == theirs.keys()
    assert max(abs(ours[step] - theirs[step]) for step in theirs) < 1e-5
    assert len(starts) == 1 + len(found)
    assert (code, ran.result.status) == (0, "finished")
    assert [event.status for event in ran.of(Ended)] == ["finished"]
    kept = json.loads((newest_checkpoint(folder) / "COMPLETE.json").read_text())["memory"]
    assert {name: value for name, value in kept.items() if value} == found
    told = [n.message for n in ran.of(Notice) if n.message.startswith("Memory ran out in one of the proc")]
    assert len(told) == len(found)


def test_processes_that_begin_again_go_on_from_a_checkpoint_of_this_launch_only(tmp_path: Path) -> None:
    starts: list[list[str]] = []

    def once(arguments: Sequence[str], environment: Mapping[str, str]) -> tuple[int, FoundMemory | None]:
        starts.append([*arguments])
        if len(starts) == 2:
            write_checkpoint(tmp_path, saved_at=time.time())
        return (beginning_again.AGAIN, FoundMemory(limit=1)) if len(starts) < 3 else (0, None)

    write_checkpoint(tmp_path, saved_at=time.time() - 60)
    code = beginning_again.until_it_fits(
        once, ["--resume", "--resume-from", "samples_8", "--extend"], tmp_path
    )

    assert code == 0
    assert starts[1:] == [["--resume", "--resume-from", "samples_8", "--extend"], ["--extend", "--resume"]]


def write_checkpoint(folder: Path, *, saved_at: float) -> None:
    place = folder / "checkpoints" / "samples_8"
    place.mkdir(parents=True, exist_ok=True)
    progress = Progress(
        step=1, total_steps=2, samples_seen=8, tokens_seen=8, elapsed_seconds=1, loss=1.0, identity={},
        data_sha256="", saved_at=saved_at,
    )  # fmt: skip
    (place / "COMPLETE.json").write_text(progress.model_dump_json())


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_a_process_for_which_nothing_is_small_enough_ends_the_run_for_all(
    tiny_model: Path, tmp_path: Path, two_processes: Train, strategy: str
) -> None:
    asked = settings(validation="off", distributed=TWO | {"strategy": strategy})

    ran = two_processes(tiny.make_run(tmp_path / "run", tiny_model, **asked), differs="has_no_room_at_all")

    assert ran.code == 1, ran.log  # 14 would be our patience
    assert ran.result.status == "failed"
