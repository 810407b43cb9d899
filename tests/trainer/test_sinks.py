"""A run's numbers in other programs: who turns them on, and that none can harm a run.

The programs are the real ones where they are installed. Where one is to break, W&B and MLflow are packages of
this file that write down the calls they get, in the words of the real ones' interfaces.
"""

# ruff: noqa: PLC0415 — optional packages

import importlib.machinery
import json
import sys
import threading
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from trainer_image.config import Logging, RunConfig
from trainer_image.events import CheckpointSaved, Metrics, Notice, Problem, parse_event
from trainer_image.reporting import Reporter
from trainer_image.sinks import Follower, Wanted, follow, numbers_of, require_packages, resolve

from . import tiny
from .test_supervisor import wait_until

Train = Callable[..., tiny.Ran]

WANDB = """
import json
class _Run:
    def __init__(self, **settings): self.write("init", settings)
    def write(self, name, what): open(__file__ + ".calls", "a").write(json.dumps([name, what]) + "\\n")
    def log(self, values, step): self.write("log", [step, values])
    def finish(self): self.write("finish", {})
def init(**settings): return _Run(**settings)
"""
MLFLOW = """
import json
def _write(name):
    def call(*args, **kwargs):
        open(__file__ + ".calls", "a").write(json.dumps([name, [*args, kwargs]]) + "\\n")
        if name == BROKEN: raise ConnectionError("no route to the server")
    return call
BROKEN = "log_metrics"
for name in ("set_tracking_uri", "set_experiment", "start_run", "log_params", "log_metrics", "end_run"):
    globals()[name] = _write(name)
"""


def notices(run_dir: Path) -> list[Notice]:
    events = map(parse_event, (run_dir / "events.jsonl").read_bytes().splitlines())
    return [event for event in events if isinstance(event, Notice)]


def calls(package: Path) -> list[list[object]]:
    return [json.loads(line) for line in Path(f"{package}.calls").read_text().splitlines()]


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "packages"
    folder.mkdir()
    (folder / "wandb.py").write_text(WANDB)
    (folder / "mlflow.py").write_text(MLFLOW)
    monkeypatch.syspath_prepend(str(folder))
    for name in ("wandb", "mlflow"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield folder
    for name in ("wandb", "mlflow"):
        sys.modules.pop(name, None)  # the real one, if it was there, comes back by monkeypatch


def test_the_config_wins_over_the_environment_setting_by_setting() -> None:
    environment = {"WANDB_PROJECT": "theirs", "WANDB_ENTITY": "team", "WANDB_NAME": "old name"}

    (wanted,) = resolve(Logging(wandb_project="ours"), environment)

    assert wanted == Wanted(
        "wandb", {"project": "ours", "entity": "team", "run_name": "old name"}, "the config"
    )


@pytest.mark.parametrize(
    ("variable", "kind", "setting"),
    [
        ("WANDB_PROJECT", "wandb", "project"),
        ("MLFLOW_TRACKING_URI", "mlflow", "tracking_uri"),
        ("MLFLOW_EXPERIMENT_NAME", "mlflow", "experiment_name"),
    ],
)
def test_an_environment_variable_turns_its_sink_on_and_is_named(
    variable: str, kind: str, setting: str
) -> None:
    assert resolve(Logging(), {variable: "x"}) == [Wanted(kind, {setting: "x"}, variable)]


@pytest.mark.parametrize("variable", ["WANDB_ENTITY", "WANDB_RUN_NAME", "WANDB_NAME", "MLFLOW_RUN_NAME"])
def test_a_name_alone_turns_nothing_on(variable: str) -> None:
    assert resolve(Logging(), {variable: "x"}) == []


def test_the_newer_name_of_the_run_wins_over_the_older() -> None:
    environment = {"WANDB_PROJECT": "p", "WANDB_NAME": "old", "WANDB_RUN_NAME": "new"}

    assert resolve(Logging(), environment)[0].settings["run_name"] == "new"


def test_several_are_on_at_once() -> None:
    logging = Logging(tensorboard_log_dir="tb", trackio_project="p", mlflow_run_name="r", wandb_entity="e")

    assert {wanted.kind for wanted in resolve(logging, {})} == {"tensorboard", "trackio", "mlflow", "wandb"}


def test_a_missing_package_stops_a_run_in_its_first_second_and_says_what_to_install(
    tiny_model: Path, tmp_path: Path, train_here: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)  # as if it was not installed
    folder = tiny.make_run(tmp_path / "run", tiny_model, logging={"wandb_project": "p"})

    ran = train_here(folder)

    (problem,) = ran.of(Problem)
    assert ran.code == 1
    assert "package 'wandb' is not installed" in problem.message
    assert "pip install wandb" in problem.hint
    assert [notice for notice in ran.events if notice.type == "phase"] == []


def test_a_variable_meant_for_other_programs_only_warns_of_a_missing_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    reporter = Reporter(tmp_path)

    usable = require_packages([Wanted("wandb", {}, "WANDB_PROJECT")], reporter, offline=False)

    assert usable == []
    (notice,) = notices(tmp_path)
    assert "WANDB_PROJECT is set" in notice.message
    assert notice.level == "warning"


@pytest.mark.parametrize(("uri", "used"), [("http://tracker:5000", False), ("file:///runs", True)])
def test_offline_no_server_is_asked(tmp_path: Path, packages: Path, uri: str, used: bool) -> None:
    wanted = [Wanted("mlflow", {"tracking_uri": uri}, "the config")]

    assert bool(require_packages(wanted, Reporter(tmp_path), offline=True)) is used


def test_numbers_are_named_after_the_event_and_only_steps_have_them() -> None:
    metrics = Metrics(step=3, total_steps=9, epoch=0.5, loss=1.25, learning_rate=0.1)

    assert numbers_of(metrics)["train/loss"] == 1.25
    assert "train/step" not in numbers_of(metrics)
    assert "train/grad_norm" not in numbers_of(metrics)  # there was none
    assert numbers_of(CheckpointSaved(step=3, path="x")) == numbers_of(Notice(message="x")) == {}


@pytest.mark.parametrize("where", ["make", "log", "close"])
def test_a_sink_that_fails_is_told_about_once_and_the_others_go_on(tmp_path: Path, where: str) -> None:
    class Broken:
        def __init__(self) -> None:
            self.do("make")

        def do(self, what: str) -> None:
            if what == where:
                raise ConnectionError("no route")

        def log(self, values: dict[str, float], step: int) -> None:
            self.do("log")

        def close(self) -> None:
            self.do("close")

    class Whole(Broken):
        def do(self, what: str) -> None:
            seen.append(what)

    seen: list[str] = []
    reporter = Reporter(tmp_path)
    reporter.follow(Follower("Broken", Broken, reporter))
    reporter.follow(Follower("Whole", Whole, reporter))

    for step in (1, 2, 3):
        reporter.emit(Metrics(step=step, total_steps=3, epoch=1, loss=1, learning_rate=1))
    reporter.close_listeners()

    (notice,) = notices(tmp_path)
    assert notice.message.startswith("Logging to Broken has ended: ConnectionError: no route.")
    assert seen == ["make", "log", "log", "log", "close"]


def test_a_sink_that_hangs_holds_up_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forever, reporter = threading.Event(), Reporter(tmp_path)
    monkeypatch.setattr("trainer_image.sinks._CLOSING_SECONDS", 0.01)

    class Hangs:
        def log(self, values: dict[str, float], step: int) -> None:
            forever.wait(60)

        def close(self) -> None: ...

    reporter.follow(Follower("Hangs", Hangs, reporter))
    for step in range(3000):
        reporter.emit(Metrics(step=step, total_steps=3, epoch=1, loss=1, learning_rate=1))
    reporter.close_listeners()

    assert not forever.is_set()
    assert len((tmp_path / "events.jsonl").read_bytes().splitlines()) == 3000
    forever.set()


@pytest.mark.training
def test_a_run_logs_to_two_programs_and_outlives_the_one_that_breaks(
    tiny_model: Path, tmp_path: Path, train_here: Train, packages: Path
) -> None:
    logging = {"wandb_project": "ours", "mlflow_tracking_uri": "file:///nowhere"}
    folder = tiny.make_run(tmp_path / "run", tiny_model, max_steps=2, logging=logging)

    ran = train_here(folder)

    assert ran.code == 0
    assert ran.events[-1].type == "ended"
    init, *logs, finish = calls(packages / "wandb.py")
    assert init[1]["project"] == "ours"  # type: ignore[index, call-overload]
    assert init[1]["mode"] == "offline"  # type: ignore[index, call-overload]
    assert [entry[1][0] for entry in logs] == [1, 2]  # type: ignore[index]
    assert [entry[1][1]["train/loss"] for entry in logs] == list(tiny.losses(ran).values())  # type: ignore[index]
    assert finish[0] == "finish"
    said = [notice.message for notice in ran.of(Notice)]
    assert sum("Logging to MLflow has ended: ConnectionError" in text for text in said) == 1
    assert any("Weights & Biases too, as the config says (offline" in text for text in said)


@pytest.mark.training
def test_tensorboard_gets_the_numbers_of_the_events(
    tiny_model: Path, tmp_path: Path, train_here: Train
) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logging = {"tensorboard_log_dir": "curves"}
    folder = tiny.make_run(tmp_path / "run", tiny_model, max_steps=3, logging=logging, offline=False)

    ran = train_here(folder)

    shown = EventAccumulator(str(folder / "curves" / "run"))
    shown.Reload()
    losses = {scalar.step: scalar.value for scalar in shown.Scalars("train/loss")}
    assert losses == pytest.approx(tiny.losses(ran))


@pytest.mark.training
def test_trackio_gets_the_numbers_on_this_computer(
    tiny_model: Path, tmp_path: Path, train_here: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    pytest.importorskip("trackio")
    import sqlite3

    logging = {"trackio_project": "rivers"}
    folder = tiny.make_run(tmp_path / "run", tiny_model, max_steps=3, logging=logging)

    ran = train_here(folder)

    with sqlite3.connect(tmp_path / "trackio" / "rivers.db") as database:
        rows = database.execute("select step, metrics from metrics order by step").fetchall()
    assert {step: json.loads(values)["train/loss"] for step, values in rows} == pytest.approx(
        tiny.losses(ran)
    )


def told(folder: Path, **settings: Any) -> list[str]:
    """What a run says that reports three losses, the sinks of its config following."""
    folder.mkdir()
    reporter = Reporter(folder)
    follow(reporter, RunConfig(base_model="m", **settings), folder)
    for step in (1, 2, 3):
        reporter.emit(Metrics(step=step, total_steps=3, epoch=1.0, loss=3.0 / step, learning_rate=1e-3))
    reporter.close_listeners()
    return [notice.message for notice in tiny.Ran(folder, 0, "").of(Notice)]


def test_weights_and_biases_takes_the_numbers_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path))

    said = told(tmp_path / "run", offline=True, logging={"wandb_project": "rivers"})

    assert said == ["Logging to Weights & Biases too, as the config says (offline: on this computer only)."]
    [kept] = (tmp_path / "run").glob("wandb/offline-run-*/*.wandb")
    wait_until(lambda: kept.read_bytes().count(b"train/loss") >= 3)  # its own process writes


@pytest.mark.parametrize("place", ["", "elsewhere"])
def test_mlflow_takes_the_numbers_into_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "")
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE")
    uri = (tmp_path / place).as_uri() if place else None

    said = told(tmp_path / "run", logging={"mlflow_experiment_name": "rivers", "mlflow_tracking_uri": uri})

    assert said == ["Logging to MLflow too, as the config says."]
    client = mlflow.MlflowClient(uri or (tmp_path / "run" / "mlruns").as_uri())
    [experiment] = client.search_experiments(filter_string="name = 'rivers'")
    [kept] = client.search_runs([experiment.experiment_id])
    history = client.get_metric_history(kept.info.run_id, "train/loss")
    assert {metric.step: metric.value for metric in history} == {1: 3.0, 2: 1.5, 3: 1.0}


def test_a_space_gets_the_numbers_privately_and_offline_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[dict[str, Any]] = []
    here = types.ModuleType("trackio")
    vars(here).update(init=lambda **settings: asked.append(settings), log=lambda *_, **__: None, finish=list)
    here.__spec__ = importlib.machinery.ModuleSpec("trackio", None)
    monkeypatch.setitem(sys.modules, "trackio", here)
    logging = {"trackio_space_id": "me/curves"}

    online = told(tmp_path / "a", logging=logging)
    offline = told(tmp_path / "b", logging=logging, offline=True)

    assert [(a["project"], a.get("space_id"), a.get("private")) for a in asked] == [
        ("tunewright", "me/curves", True), ("tunewright", None, None),
    ]  # fmt: skip
    assert online == ["Logging to Trackio too, as the config says."]
    assert offline == ["Logging to Trackio too, as the config says (offline: on this computer only)."]


def test_a_config_without_the_section_logs_to_nothing() -> None:
    assert resolve(RunConfig(base_model="m").logging, {}) == []
