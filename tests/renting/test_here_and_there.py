"""A run that goes on elsewhere: what is sent, and that it counts as the same run."""

from pathlib import Path

import pytest

from app.services.renting.carrying import as_there, leaving
from trainer_image.checkpoints import Progress, identity, require_same_run
from trainer_image.config import RunConfig
from trainer_image.problems import RunFailedError


def progress_of(config: RunConfig) -> Progress:
    numbers = {"step": 4, "total_steps": 8, "samples_seen": 8, "tokens_seen": 9, "elapsed_seconds": 1.0}
    return Progress(**numbers, loss=1.0, identity=identity(config), data_sha256="00")


def test_a_checkpoint_of_a_model_that_was_brought_along_is_of_the_same_run(tmp_path: Path):
    (tmp_path / "my-model").mkdir()
    here = RunConfig(base_model=str(tmp_path / "my-model"))
    there = as_there(here)

    assert there.base_model == "models/my-model"
    require_same_run(progress_of(there), here)
    require_same_run(progress_of(here), there)
    with pytest.raises(RunFailedError, match="base_model"):
        require_same_run(progress_of(there), RunConfig(base_model=str(tmp_path / "another")))


def test_what_is_hidden_in_a_models_folder_stays_here(tmp_path: Path):
    model = tmp_path / "model"
    (model / ".git").mkdir(parents=True)
    for name in ("config.json", ".env", ".git/config"):
        (model / name).write_text("{}")

    places = [place for _, place in leaving(tmp_path, RunConfig(base_model=str(model), max_steps=1))]

    assert places == ["models/model/config.json"]


def test_rows_model_checkpoint_and_the_record_so_far_are_sent_and_nothing_else(tmp_path: Path):
    folder, model = tmp_path / "run", tmp_path / "my-model"
    for name in ("run/data/train.jsonl", "run/events.jsonl", "run/log.txt", "run/result.json", "run/x.token",
                 "run/checkpoints/samples_4/COMPLETE.json", "run/checkpoints/samples_8/COMPLETE.json",
                 "my-model/config.json"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")

    sent = {
        name
        for _, name in leaving(folder, RunConfig(base_model=str(model)), checkpoint="checkpoints/samples_4")
    }

    assert sent == {
        "data/train.jsonl",
        "events.jsonl",
        "log.txt",
        "models/my-model/config.json",
        "checkpoints/samples_4/COMPLETE.json",
    }
