"""What a run will take in memory: the estimate as it is asked for, and what runs then measure."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainer_image import train
from trainer_image.events import Memory, Metrics

from . import tiny
from .sizes import OSFT

ASSETS = Path(__file__).parents[2] / "assets"
BUNDLED, SAMPLE = ASSETS / "tiny-model", ASSETS / "sample/ferry-help-desk.jsonl"


def test_the_estimate_needs_no_weights_and_changes_nothing(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_bytes((tiny_model / "config.json").read_bytes())
    folder = tiny.make_run(tmp_path / "run", model, method={"kind": "lora", "lora_r": 4})
    before = sorted(folder.rglob("*"))

    code = train.main(["--run-dir", str(folder), "--estimate"])

    found = json.loads(capsys.readouterr().out)
    assert code == 0
    assert found["low"] < found["expected"] < found["high"]
    assert found["trained_parameters"] * 4 == found["terms"]["adapter"]
    assert (found["rows_at_once"], found["longest_row"]) == (2, 128)
    assert sorted(folder.rglob("*")) == before


def test_an_estimate_of_a_model_that_is_not_there_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tiny.make_run(tmp_path / "run", tmp_path / "no-model")

    assert train.main(["--run-dir", str(folder), "--estimate"]) == 1

    assert "is not there" in capsys.readouterr().err


@pytest.mark.training
@pytest.mark.parametrize("method", [{"kind": "sft"}, {"kind": "lora", "lora_r": 16}, OSFT])
def test_the_measured_peak_on_a_cpu_lies_within_the_estimate(tmp_path: Path, method: dict[str, Any]) -> None:
    model = tiny.save_model(tmp_path / "model", hidden_size=384, layers=6)
    line = {"prompt": "a", "completion": "river " * 200}
    settings: dict[str, Any] = {
        "method": method,
        "per_device_batch_size": 8,
        "max_steps": 1,
        "max_seq_len": 512,
        "drop_duplicates": False,
        "save_full_state": False,
    }
    folder = tiny.make_run(tmp_path / "run", model, lines=[json.dumps(line)] * 16, **settings)

    ran = tiny.run(folder)

    guess, measured = ran.of(Memory)
    assert ran.code == 0, ran.log
    assert guess.peak is None
    assert guess.longest_row > 150
    assert measured.peak is not None
    assert guess.low < measured.peak < guess.high, measured


@pytest.mark.training
@pytest.mark.parametrize("method", [{"kind": "sft"}, {"kind": "lora", "lora_r": 16}, OSFT])
def test_the_first_run_of_all_takes_what_it_was_estimated_to(tmp_path: Path, method: dict[str, Any]) -> None:
    """The bundled model is smaller than what the libraries take."""
    lines = SAMPLE.read_text().splitlines()
    folder = tiny.make_run(
        tmp_path / "run", BUNDLED, lines=lines, method=method, max_steps=2, max_seq_len=2048
    )

    guess, measured = tiny.run(folder).of(Memory)

    assert measured.peak is not None
    assert guess.low < measured.peak < guess.high, measured


@pytest.mark.training
def test_the_peak_is_that_of_the_run_however_large_the_process_that_started_it() -> None:
    grows_by = "from trainer_image.peak import PeakMeter; print(PeakMeter('cpu').peak())"
    is_large = "import subprocess, sys; held = b'1' * 900_000_000; subprocess.run([sys.executable, '-c'"
    program = f"{is_large}, {grows_by!r}])"

    said = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True)

    assert int(said.stdout) < 100e6


@pytest.mark.training
def test_the_probe_changes_nothing_the_run_computes(
    tiny_model: Path, tmp_path: Path, train_here: Callable[..., tiny.Ran]
) -> None:
    method = {"kind": "lora", "lora_r": 16, "lora_dropout": 0.5}  # a random number too many would show
    settings = {"method": method, "max_steps": 4, "offline": False}
    plain = tiny.make_run(tmp_path / "plain", tiny_model, probe_memory=False, **settings)
    probed = tiny.make_run(tmp_path / "probed", tiny_model, **settings)

    ours, theirs = train_here(probed), train_here(plain)

    assert [event.peak is not None for event in ours.of(Memory)] == [False, True]
    assert [event.peak is not None for event in theirs.of(Memory)] == [False]
    assert tiny.losses(ours) == tiny.losses(theirs)
    assert [m.tokens_seen for m in ours.of(Metrics)] == [m.tokens_seen for m in theirs.of(Metrics)]
