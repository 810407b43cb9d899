"""Renting from the terminal: nothing without a yes, and what costs can be listed and ended."""

import json
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.cli.output import Output
from app.cli.verbs import resume_run
from app.domain.errors import StudioError
from app.domain.preflight import Readiness, Remark
from app.domain.runs import Target
from app.services.setup_files import read_setup
from tests.cli.conftest import ROOT, Shell
from tests.emulators.runpod.server import RunpodEmulator
from tests.launchers.places import STAND_IN, make_run
from tests.launchers.rented_place import trainer_image

A4000 = "NVIDIA RTX A4000"


@pytest.fixture
def runpod(tmp_path: Path) -> Iterator[RunpodEmulator]:
    with RunpodEmulator(tmp_path / "runpod", images=trainer_image(STAND_IN / "train.py")) as emulator:
        yield emulator


@pytest.fixture
def renting(runpod: RunpodEmulator, tmp_path: Path, warm) -> Shell:
    shell = Shell(tmp_path / "home", warm)
    shell.environment |= runpod.environment()
    return shell


def setup_file(folder: Path) -> Path:
    path = folder / "setup.json"
    setup = {
        "target": "runpod",
        "file": str(ROOT / "assets/sample/ferry-help-desk.jsonl"),
        "pod": {"image": "ghcr.io/somebody/trainer:1"},
        "config": {"base_model": "tunewright/tiny", "max_steps": 4},
    }
    path.write_text(json.dumps(setup))
    return path


def test_nothing_is_ordered_without_a_yes_and_what_it_costs_is_said(
    renting: Shell, runpod: RunpodEmulator, tmp_path: Path
):
    code, out, err = renting.run("train", "--config", str(setup_file(tmp_path)), "--budget", "2")

    assert code == 1
    assert "$0.25 an hour for RTX A4000" in out
    assert "never more than $1.00" in out
    assert "MB are sent to the pod" in out
    assert "--yes" in err
    assert not runpod.account.pods


def test_nothing_waits_for_a_rented_gpu_without_a_yes_and_what_waits_has_its_price(
    renting: Shell, runpod: RunpodEmulator, tmp_path: Path
):
    words = ("queue", "add", "--config", str(setup_file(tmp_path)))
    code, out, err = renting.run(*words)

    assert code == 1
    assert "$0.25 an hour for RTX A4000" in out
    assert "--yes" in err
    assert renting.json("queue", "list")["runs"] == []
    waiting = renting.json(*words, "--yes")
    assert (waiting["status"], waiting["message"], waiting["pod"]["gpus"]) == ("queued", "", [A4000])
    assert not runpod.account.pods


def test_nothing_goes_back_to_the_queue_for_a_rented_gpu_without_a_yes(
    renting: Shell, runpod: RunpodEmulator, tmp_path: Path
):
    run = renting.json("queue", "add", "--config", str(setup_file(tmp_path)), "--yes")["id"]
    renting.ok("queue", "cancel", run)

    code, out, err = renting.run("queue", "return", run)

    assert code == 1
    assert "$0.25 an hour for RTX A4000" in out
    assert "--yes" in err
    assert renting.json("queue", "list")["runs"] == []
    assert renting.json("queue", "return", run, "--yes")["status"] == "queued"


def test_a_pod_that_was_said_yes_to_is_ordered_and_listed_with_its_price(
    renting: Shell, runpod: RunpodEmulator, tmp_path: Path
):
    out = renting.ok("train", "--config", str(setup_file(tmp_path)), "--yes", "--gpu", "NVIDIA L4")
    assert "It trains now, and goes on without this terminal" in out

    [pod] = runpod.account.living
    [listed] = renting.json("runpod", "list")["billing"]
    assert (listed["pod_id"], listed["verdict"], pod.wish.gpu) == (pod.id, "keep", "NVIDIA L4")
    assert listed["price"] == pod.price
    assert renting.ok("runpod", "reap").startswith("Nothing of this Tunewright costs money")
    assert runpod.account.living == [pod]


def test_no_run_is_resumed_on_a_pod_whose_price_could_not_be_said(tmp_path: Path):
    setup = read_setup(setup_file(tmp_path))
    resumed: list[object] = []
    services = SimpleNamespace(
        monitoring=SimpleNamespace(find=lambda _: make_run(tmp_path, "a", target=Target.RUNPOD)),
        training=SimpleNamespace(
            setup_of=lambda _: setup,
            resume=lambda *_, **__: resumed.append(1),
        ),
        preflight=SimpleNamespace(check=lambda _: Readiness((Remark("Model", "error", "It is gone."),))),
    )
    args = Namespace(run="a", target=None, yes=False, extend=None, checkpoint="", follow=False)

    with pytest.raises(StudioError, match="It is gone"):
        resume_run(services, args, Output(as_json=False))
    assert not resumed


def test_without_a_key_it_says_where_to_get_one(renting: Shell, tmp_path: Path):
    del renting.environment["RUNPOD_API_KEY"]

    code, _, err = renting.run("train", "--config", str(setup_file(tmp_path)), "--yes")

    assert code == 1
    assert "There is no key for Runpod." in err
