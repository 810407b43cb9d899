"""Whether a training would work without network: really tried, and looked up."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.adapters.offline_rehearsal import OfflineRehearser
from app.domain.runs import DockerOptions, Target
from app.domain.setups import Setup
from app.services.offline_doctor import OfflineDoctor
from tests.fakes import FakeLauncher
from trainer_image.config import FileDataset, HubDataset, Push, RunConfig

ROOT = Path(__file__).resolve().parents[2]
TINY = ROOT / "assets/tiny-model"
SAMPLE = ROOT / "assets/sample/ferry-help-desk.jsonl"


@pytest.fixture
def rehearser(tmp_path, monkeypatch) -> OfflineRehearser:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return OfflineRehearser(ROOT / "trainer_image", docker_cache=tmp_path / "docker-hub")


@pytest.fixture
def launchers():
    return {Target.LOCAL: FakeLauncher(), Target.DOCKER: FakeLauncher()}


@pytest.mark.training
def test_a_small_training_runs_with_the_network_cut(rehearser):
    rehearsal = rehearser.rehearse(TINY, SAMPLE)

    assert rehearsal.works, rehearsal.text
    assert rehearsal.cut == "namespace" or rehearsal.why_guard


def test_what_such_a_training_lacks_is_told_by_the_trainer(rehearser, tmp_path):
    (tmp_path / "model").mkdir()

    rehearsal = rehearser.rehearse(tmp_path / "model", SAMPLE)

    assert not rehearsal.works
    assert "holds no model" in rehearsal.text


def cached(hub: Path, *left_out: str) -> str:
    folder = hub / "models--owner--tiny" / "snapshots" / "abc"
    shutil.copytree(TINY, folder, ignore=shutil.ignore_patterns(*left_out))
    (hub / "models--owner--tiny" / "refs").mkdir()
    (hub / "models--owner--tiny" / "refs" / "main").write_text("abc")
    return "owner/tiny"


@pytest.mark.parametrize(
    ("left_out", "said"),
    [
        ((), []),
        (("tokenizer.json", "vocab.json"), ["tokenizer"]),
        (("model.safetensors",), ["weights"]),
        (("*",), ["model"]),
    ],
    ids=["whole", "no tokenizer", "no weights", "nothing"],
)
def test_files_of_a_model_that_are_not_here_are_named(rehearser, tmp_path, left_out, said):
    name = cached(tmp_path / "hub", *left_out)

    missing = rehearser.missing_of_model(name, in_docker=False)

    assert len(missing) == len(said)
    assert all(word in text for word, text in zip(said, missing, strict=True))


def test_containers_have_a_cache_of_their_own(rehearser, tmp_path):
    name = cached(tmp_path / "hub")

    assert rehearser.missing_of_model(name, in_docker=True)


def test_weights_in_several_files_are_counted(rehearser, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(TINY, folder)
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}})
    )

    assert rehearser.missing_of_model(str(folder), in_docker=False) == [
        f"1 of the 2 files with weights of {folder} are not here."
    ]


class NothingToRehearse:
    """A rehearsal that went well, and a model of which nothing is here."""

    def rehearse(self, model, rows):
        raise AssertionError("packages are missing: nothing to rehearse with")

    def missing_of_model(self, name, *, in_docker):
        return [f"The model {name} is not on this computer."]


def test_everything_a_setup_would_fetch_is_a_problem_with_the_way_out(world, launchers):
    launchers[Target.LOCAL].problems_found = ["torch is missing."]
    launchers[Target.DOCKER].problems_found = ["The trainer image is not on this computer."]
    doctor = OfflineDoctor(NothingToRehearse(), launchers, world.library, bundled_model=TINY, rows=SAMPLE)
    config = RunConfig(base_model="a/b", dataset=HubDataset(repo="c/d"), push=Push(repo_id="me/mine"))

    found = doctor.findings(Setup(target=Target.DOCKER, docker=DockerOptions(), config=config))

    assert [(finding.name, finding.state) for finding in found] == [
        (name, "problem") for name in ("Packages", "Target", "Model", "Data", "Push")
    ]
    assert sum("bundle make" in finding.text for finding in found) == 3


@pytest.mark.parametrize(
    ("by", "is_there"), [("file", True), ("file", False), ("config", True), ("config", False)]
)
def test_a_data_file_is_looked_for(world, launchers, tmp_path, by, is_there):
    launchers[Target.LOCAL].problems_found = ["torch is missing."]
    doctor = OfflineDoctor(NothingToRehearse(), launchers, world.library, bundled_model=TINY, rows=SAMPLE)
    rows = tmp_path / "rows.jsonl"
    if is_there:
        rows.touch()
    named = {"dataset": FileDataset(path=str(rows))} if by == "config" else {}
    config = RunConfig(base_model="a/b", **named)

    found = doctor.findings(Setup(file=rows if by == "file" else None, config=config))

    [data] = [finding for finding in found if finding.name == "Data"]
    assert data.state == ("ok" if is_there else "problem")
    assert str(rows) in data.text


def test_a_system_without_namespaces_says_so_and_runs_nothing(tmp_path):
    """As on Windows, where Python has no fcntl: what is asked there must be answered, not crash."""
    program = (
        "import ctypes, runpy, sys; sys.modules['fcntl'] = None; sys.platform = 'win32'; "
        "sys.argv = ['cut_off', 'no such program']; "
        "runpy.run_module('app.worker.cut_off', run_name='__main__')"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 125
    assert "cannot cut a program off the network: that needs Linux." in done.stderr
