"""What a run's container is to be: the folders it sees and the config as it sees it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.adapters.docker_plan import ContainerPlan, Shared, plan
from app.domain.errors import TargetError
from app.domain.runs import DockerOptions, Run
from tests.launchers.places import make_run
from trainer_image.config import MEMORY_HISTORY_VARIABLE, ROWS_CACHE_VARIABLE, FileDataset, RunConfig


@pytest.fixture
def run(data_dir: Path) -> Run:
    return make_run(data_dir / "outputs" / "ferry", "0a1b2c")


@pytest.fixture
def planned(data_dir: Path) -> Callable[..., ContainerPlan]:
    def make(run: Run, *, resume: bool = False) -> ContainerPlan:
        return plan(run, data_dir, resume=resume, secrets={"HF_TOKEN": "hf_secret"})

    return make


def with_config(run: Run, **changes: object) -> Run:
    return replace(run, config=run.config.model_copy(update=changes))


def test_the_run_folder_is_seen_in_the_data_folder(run, planned, data_dir):
    made = planned(run)

    assert made.command == ("--run-dir", "/data/outputs/ferry", "--attempt", "1")
    assert made.shared == (Shared(data_dir, "/data", read_only=False),)
    assert made.config == run.config
    assert made.name == "tunewright-0a1b2c"


def test_a_run_made_longer_says_so(run, data_dir):
    longer = plan(run, data_dir, resume=True, extend=True, secrets={})

    assert longer.command[4:] == ("--resume", "--extend")


def test_a_resume_says_so(run, planned):
    assert planned(replace(run, attempt=3), resume=True).command[2:] == ("--attempt", "3", "--resume")


def test_a_data_folder_behind_a_link_is_found(run, data_dir, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(data_dir)
    linked = replace(run, folder=link / "outputs" / "ferry")

    assert plan(linked, data_dir, resume=False, secrets={}).command[1] == "/data/outputs/ferry"


def test_a_run_folder_elsewhere_is_refused_with_a_way_out(run, planned, tmp_path):
    with pytest.raises(TargetError, match="not in the data folder") as caught:
        planned(replace(run, folder=tmp_path / "elsewhere"))

    assert "data folder" in caught.value.hint


def test_a_model_folder_is_shown_read_only(run, planned, tmp_path):
    (tmp_path / "my-model").mkdir()

    made = planned(with_config(run, base_model=str(tmp_path / "my-model")))

    assert made.config.base_model == "/models/my-model"
    assert made.shared[1:] == (Shared(tmp_path / "my-model", "/models/my-model"),)


def test_of_a_snapshot_in_the_hubs_cache_the_linked_files_are_seen_too(run, planned, tmp_path):
    repo = tmp_path / "hub" / "models--tiny--model"
    (repo / "snapshots" / "abc").mkdir(parents=True)

    made = planned(with_config(run, base_model=str(repo / "snapshots" / "abc")))

    assert made.config.base_model == "/models/models--tiny--model/snapshots/abc"
    assert made.shared[1:] == (Shared(repo, "/models/models--tiny--model"),)


def test_a_hub_name_is_left_alone_even_if_a_folder_is_called_so(run, planned, tmp_path, monkeypatch):
    (tmp_path / "some" / "model").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)

    made = planned(run)

    assert made.config.base_model == "some/model"
    assert len(made.shared) == 1


def test_a_data_file_elsewhere_is_shown_read_only(run, planned, tmp_path):
    file = tmp_path / "rows.jsonl"
    file.touch()

    made = planned(with_config(run, dataset=FileDataset(path=str(file))))

    assert made.config.dataset == FileDataset(path="/inputs/rows.jsonl")
    assert made.shared[1:] == (Shared(file, "/inputs/rows.jsonl"),)


def test_a_data_file_in_the_data_folder_is_named_as_the_container_sees_it(run, planned, data_dir):
    made = planned(with_config(run, dataset=FileDataset(path=str(data_dir / "sets" / "a.jsonl"))))

    assert made.config.dataset == FileDataset(path="/data/sets/a.jsonl")
    assert len(made.shared) == 1


def test_what_a_run_has_tokenised_and_measured_stays_in_the_data_folder_for_the_next_one(run, planned):
    environment = planned(run).environment

    assert environment[ROWS_CACHE_VARIABLE] == "/data/cache/rows"
    assert environment[MEMORY_HISTORY_VARIABLE] == "/data/cache/memory.jsonl"


@pytest.mark.parametrize("passed", [True, False])
def test_the_token_is_handed_over_only_if_wanted(run, planned, passed):
    made = planned(replace(run, docker=DockerOptions(pass_hf_token=passed)))

    assert ("HF_TOKEN" in made.environment) is passed
    assert "hf_secret" not in f"{made.command}{made.labels}{made.config}{made.name}"


def test_the_rewritten_config_is_one_the_trainer_accepts(run, planned, tmp_path):
    made = planned(with_config(run, base_model=str(tmp_path)))

    assert RunConfig.model_validate_json(made.config.model_dump_json()) == made.config
