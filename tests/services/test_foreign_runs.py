"""What other trainers left in a folder: named, checked, imported, never changed or deleted."""

import json
from pathlib import Path

import pytest

from app.domain.errors import StudioError
from app.domain.runs import RunStatus
from app.services.foreign_runs import UNKNOWN_MODEL, look_into


def lines(path: Path, *records: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def model(folder: Path, *, weights: str = "model.safetensors", tokenizer: bool = True, **config) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / weights).write_bytes(b"x")
    if tokenizer:
        (folder / "tokenizer_config.json").write_text("{}")
    return folder


def adapter(folder: Path, base: str = "owner/base") -> Path:
    model(folder, weights="adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": base}))
    (folder / "config.json").unlink()
    return folder


LOSS = {"step": 3, "avg_loss": 1.5}


@pytest.mark.parametrize(
    ("file", "trainer"),
    [
        ("training_params_and_metrics_global0.jsonl", "instructlab-training"),
        ("training_metrics_0.jsonl", "mini-trainer"),
        ("training_log.jsonl", "training_hub"),
        ("training_metrics.jsonl", "training_hub"),
    ],
)
def test_a_trainer_is_known_by_its_log(tmp_path, file, trainer):
    lines(tmp_path / file, LOSS)

    found = look_into(tmp_path)

    assert (found.trainer, found.model) == (trainer, None)
    assert found.notes[0] == f"A loss curve of 1 points up to step 3, in {file}."
    assert "nothing to talk to" in found.notes[1]


def test_the_state_of_transformers_is_read_from_its_newest_checkpoint(tmp_path):
    for number, loss in ((2, 3.0), (10, 1.0)):
        state = {"log_history": [{"step": number, "loss": loss}]}
        lines(tmp_path / f"checkpoint-{number}" / "trainer_state.json", state)

    found = look_into(tmp_path)

    assert found.trainer == "transformers"
    assert found.curve
    assert found.curve.points[-1].loss == 1.0


@pytest.mark.parametrize(
    ("names", "newest"),
    [
        (("samples_100", "samples_2000"), "samples_2000"),
        (("samples_8192.0", "samples_900.5"), "samples_8192.0"),
        (("samples_8192.0", "last_epoch"), "last_epoch"),
    ],
)
def test_the_model_trained_furthest_is_taken(tmp_path, names, newest):
    for name in names:
        model(tmp_path / "hf_format" / name, _name_or_path="owner/base")

    found = look_into(tmp_path)

    assert found.model == tmp_path / "hf_format" / newest
    assert (found.kind, found.base_model) == ("weights", "owner/base")


@pytest.mark.parametrize("name", ["out_2", "run-7", "lora"])
def test_the_final_model_of_a_folder_is_taken_whatever_the_folder_is_called(tmp_path, name):
    folder = model(tmp_path / name, _name_or_path="owner/base")
    model(folder / "checkpoint-50", _name_or_path="owner/base")

    assert look_into(folder).model == folder


def test_an_adapter_names_its_base_model(tmp_path):
    adapter(tmp_path / "checkpoint-10")

    found = look_into(tmp_path)

    assert (found.kind, found.base_model) == ("adapter", "owner/base")
    assert "An adapter of owner/base, in checkpoint-10." in found.notes


def test_a_model_that_is_not_whole_is_passed_over_and_said(tmp_path):
    good = model(tmp_path / "hf_format" / "samples_1")
    torn = model(tmp_path / "hf_format" / "samples_2")
    (torn / "model.safetensors").unlink()
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (torn / "model.safetensors.index.json").write_text(json.dumps(index))
    (torn / "model-1.safetensors").write_bytes(b"x")
    model(tmp_path / "hf_format" / "samples_3", tokenizer=False)

    found = look_into(tmp_path)

    assert (found.model, found.base_model) == (good, UNKNOWN_MODEL)
    assert any("samples_3: its tokenizer is missing" in note for note in found.notes)


def test_a_folder_with_nothing_in_it_is_refused_by_what_it_lacks(tmp_path):
    with pytest.raises(StudioError, match="neither a loss curve nor a model"):
        look_into(tmp_path)
    with pytest.raises(StudioError, match="There is no folder"):
        look_into(tmp_path / "none")


def test_an_imported_run_has_its_curve_and_can_be_talked_to_but_its_files_are_not_ours(world, tmp_path):
    theirs = tmp_path / "theirs"
    lines(theirs / "training_log.jsonl", {"step": 1, "loss": 2.0}, {"step": 5, "loss": 1.0})
    adapter(theirs / "final_model")

    run = world.history.import_run(world.history.look_into(str(theirs)))

    assert [(p.step, p.loss) for p in world.history.curve(run.id)] == [(1, 2.0), (5, 1.0)]
    assert (run.status, run.config.base_model, run.loss) == (RunStatus.FINISHED, "owner/base", 1.0)
    assert world.chats.blocked(run) == ""
    assert world.training.resume_blocked(run) == "another trainer made it"
    with pytest.raises(StudioError, match="are not known"):
        world.history.clone(run)
    with pytest.raises(StudioError, match="in the history already, as theirs"):
        world.history.import_run(world.history.look_into(str(theirs)))
    with pytest.raises(StudioError, match="another trainer's"):
        world.training.delete(run.id, files=True)
    world.training.delete(run.id, files=False)
    assert (theirs / "training_log.jsonl").is_file()


def test_no_setup_is_made_of_a_run_whose_settings_nobody_knows(world, tmp_path):
    lines(tmp_path / "training_log.jsonl", LOSS)
    run = world.history.import_run(look_into(tmp_path))

    with pytest.raises(StudioError, match="settings of an imported run are not known"):
        world.training.setup_of(run)
