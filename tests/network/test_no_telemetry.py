"""Nothing we start reports to the makers of its libraries: asked of real processes, and of MLflow itself."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from app.adapters.child_process import ChildProcess, child_environment
from trainer_image.network import NO_TELEMETRY
from trainer_image.pod import settings

ROOT = Path(__file__).resolve().parents[2]
FIRST_LINES = {
    "the trainer": "from trainer_image import train; train.main(['--help'])",
    "the app": "from app.__main__ import main; main(['offline'])",
}
"""Whatever it leaves to, what it has said to the environment by then is printed."""
ASKS_MLFLOW = "from mlflow.telemetry.utils import is_telemetry_disabled; print(is_telemetry_disabled())"


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """The environment of a person who has set nothing: MLflow keeps quiet by itself where CI is set."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),
        "TUNEWRIGHT_HOME": str(tmp_path),
    }


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ChildProcess]:
    for name in ("CI", *NO_TELEMETRY):
        monkeypatch.delenv(name, raising=False)
    command = [sys.executable, "-c", "import sys; print(); sys.stdin.read()"]
    started = ChildProcess(
        command, tmp_path / "log", child_environment(offline=False, token=None), log_limit_bytes=1000
    )
    yield started
    started.end()


@pytest.mark.parametrize("program", FIRST_LINES)
def test_a_program_started_by_hand_tells_its_libraries_to_report_to_nobody(
    bare: dict[str, str], program: str
) -> None:
    prints = "import atexit, json, os; atexit.register(lambda: print('|', json.dumps(dict(os.environ))))\n"

    said = python(prints + FIRST_LINES[program], bare)

    has = json.loads(said.rpartition("|")[2])
    assert {name: has.get(name) for name in NO_TELEMETRY} == NO_TELEMETRY


def test_a_model_process_has_them_from_its_first_moment(child: ChildProcess) -> None:
    child.receive()  # it has started

    has = psutil.Process(child.pid).environ()

    assert has.items() >= NO_TELEMETRY.items()


def test_the_trainer_in_a_pod_is_given_them_too() -> None:
    assert settings.read({}).trainer_environment.items() >= NO_TELEMETRY.items()


@pytest.mark.parametrize(
    ("first", "is_disabled"),
    [("", "False"), ("from trainer_image import network; network.obey_environment(); ", "True")],
)
def test_mlflow_itself_says_that_it_reports_nothing(
    bare: dict[str, str], first: str, is_disabled: str
) -> None:
    assert python(first + ASKS_MLFLOW, bare).strip() == is_disabled


def python(code: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout
