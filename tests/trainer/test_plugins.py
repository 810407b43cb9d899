"""Methods and backends of other packages, by their entry points."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from trainer_image import backends, doctor, plugins
from trainer_image.config import RunConfig
from trainer_image.events import Metrics, Notice
from trainer_image.problems import RunFailedError

from . import tiny

Train = Callable[..., tiny.Ran]

ONLY_NORMS = """
OUTPUT_KIND, FLOAT32_WEIGHTS = "weights", True

def prepare(model, settings, also="", times=1):
    model.requires_grad_(False)
    for name, weight in model.named_parameters():
        weight.requires_grad_("norm" in name or (also and also in name))
    return model

def describe(model, settings):
    return ["Only norms learn."]

def attach(loop): pass

def save(model, folder, *, base_model, dtype):
    model.to(dtype or model.dtype).save_pretrained(folder)
"""
HALF = "OUTPUT_KIND = 'weights'"
BACKEND = """
import json, pathlib, shutil
from dataclasses import dataclass
from trainer_image.events import Metrics

NAME, PACKAGE, NEEDS_CUDA = "far", "far_away", False
FIELDS, OURS, METRICS_FILE = frozenset({"folder", "model", "speed"}), {"model": "base_model"}, "m.jsonl"

def require_expressible(config): pass

def arguments(config, model, folder, *, processes, warmup, has_validation):
    return {"folder": str(folder), "model": model, **config.backend_args}

def event_of(row, total_steps):
    return Metrics(step=row["n"], total_steps=total_steps, epoch=0, loss=row["loss"], learning_rate=0)

@dataclass
class TorchrunArgs:
    nproc_per_node: int; nnodes: int; node_rank: int; rdzv_id: int; rdzv_endpoint: str

@dataclass
class TrainingArgs:
    folder: str; model: str; speed: int = 1

def run_training(torchrun, training):
    folder = pathlib.Path(training.folder)
    rows = (folder / "data.jsonl").read_text().splitlines()
    (folder / "m.jsonl").write_text(json.dumps({"n": training.speed, "loss": float(len(rows))}) + chr(10))
    shutil.copytree(training.model, folder / "hf_format" / "samples_8")
"""


@pytest.fixture(autouse=True)
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that offers two methods, one of them not whole, one that does not import, and a backend."""
    place = tmp_path / "packages"
    about = place / "others-1.2.dist-info"
    about.mkdir(parents=True)
    for name, text in {"only_norms": ONLY_NORMS, "half": HALF, "far_away": BACKEND}.items():
        (place / f"{name}.py").write_text(text)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: others\nVersion: 1.2\n")
    (about / "entry_points.txt").write_text(
        "[tunewright.methods]\nnorms = only_norms\nhalf = half\ngone = not_there\n"
        "[tunewright.backends]\nfar = far_away\n"
    )
    monkeypatch.syspath_prepend(place)
    monkeypatch.setenv("PYTHONPATH", f"{place}{os.pathsep}{tiny.TRAIN.parents[1]}")


def config(**settings: Any) -> RunConfig:
    return RunConfig(base_model="a/model", **settings)


@pytest.mark.training
def test_another_packages_method_trains_and_says_whose_it_is(
    tiny_model: Path, tmp_path: Path, train_here: Train
) -> None:
    asked = {"method_plugin": "norms:also=lm_head", "max_steps": 2, "offline": False}

    ran = train_here(tiny.make_run(tmp_path / "run", tiny_model, **asked))

    assert ran.code == 0, ran.result
    said = [notice.message for notice in ran.of(Notice)]
    assert {"The method is norms (of others 1.2).", "Only norms learn."} <= {*said}
    before, after = tiny.load_weights(tiny_model), tiny.load_weights(ran.folder / "output")
    changed = {name for name in before if not before[name].equal(after[name])}
    assert changed == {name for name in before if "norm" in name or "lm_head" in name}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("nrms", "No package here offers a method called 'nrms'"),
        ("half", "lacks what is asked of it: FLOAT32_WEIGHTS, prepare"),
        ("gone", "cannot be loaded: ModuleNotFoundError"),
        ("norms:speed=3", "unexpected keyword argument 'speed'"),
    ],
)
def test_a_method_that_is_no_good_is_told_and_no_argument_is_dropped(asked: str, said: str) -> None:
    with pytest.raises(RunFailedError) as refused:
        plugins.PluggedMethod(plugins.find("method", asked))

    assert said in refused.value.message


def test_a_missing_one_ends_the_run_in_its_first_second_with_those_there_are(
    tmp_path: Path, train_here: Train
) -> None:
    ran = train_here(tiny.make_run(tmp_path / "run", "a/model", method_plugin="pissa:niter=16"))

    assert ran.code == 2
    assert "called 'pissa'" in ran.result.message
    assert "gone, half, norms" in ran.result.hint


def test_arguments_are_numbers_truths_and_texts() -> None:
    assert plugins.find("method", "norms:times=3,also=up,x=true").args == {
        "times": 3,
        "also": "up",
        "x": True,
    }


@pytest.mark.training
def test_a_backend_of_another_package_trains_and_gets_the_runs_rows(
    tiny_model: Path, tmp_path: Path, train_here: Train
) -> None:
    asked = {"backend_plugin": "far", "backend_args": {"speed": 3}, "offline": False}

    ran = train_here(tiny.make_run(tmp_path / "run", tiny_model, **asked))

    assert ran.code == 0, ran.result
    [metrics] = ran.of(Metrics)
    assert (metrics.step, metrics.loss) == (3, 8.0)
    assert (ran.folder / "output" / "model.safetensors").is_file()


@pytest.mark.parametrize(
    ("name", "said"), [("sped", "the nearest is 'speed'"), ("model", "decided by the run's base_model")]
)
def test_its_arguments_are_those_it_knows(name: str, said: str) -> None:
    asked = config(backend_plugin="far", backend_args={name: 3})

    with pytest.raises(RunFailedError) as refused:
        backends.require_possible(asked, device="cpu", resume=False)

    assert said in refused.value.message


def test_the_doctor_names_them() -> None:
    assert doctor.examine()["plugins"] == {"methods": ["gone", "half", "norms"], "backends": ["far"]}


@pytest.mark.parametrize(
    "settings",
    [
        {"method_plugin": "norms", "backend": "unsloth"},
        {"method_plugin": "norms", "backend_plugin": "far"},
        {"backend_plugin": "far", "backend": "unsloth"},
        {"method_plugin": "no rms"},
        {"method_plugin": "norms:x"},
    ],
)
def test_what_cannot_go_together_or_is_no_name_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        config(**settings)
