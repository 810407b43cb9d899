"""Without the extra `local` the app opens, keeps data and says what is missing."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Shell

WITHOUT = """
import importlib.metadata, sys
gone = set(sys.argv.pop(1).split(","))

class Gone:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in gone:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Gone())
import app.ui.root
from app.__main__ import main
sys.exit(main(sys.argv[1:]))
"""
"""A Python in which some packages are not installed."""


def packages_of_local() -> list[str]:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    return [requirement.partition("==")[0] for requirement in extras["local"]]


def run_without_local(shell: Shell, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, ",".join(packages_of_local()), *words],
        cwd=ROOT, env=shell.environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sessions", "list"), "Ferry help desk"),
        (("sessions", "import", "assets/sample/ferry-help-desk.jsonl"), "344 rows imported"),
        (("sessions", "collects"), "Nothing was collected yet"),
        (("runs", "list"), "no runs"),
        (("doctor",), "tunewright[local]"),
    ],
    ids=lambda value: value[-1].rpartition("/")[2] if isinstance(value, tuple) else "",
)
def test_a_verb_works_without_the_training_libraries(shell: Shell, words: tuple[str, ...], said: str):
    code, output = run_without_local(shell, *words)

    assert code in {0, 1} if words == ("doctor",) else code == 0, output
    assert said.lower() in output.lower()
    assert "Traceback" not in output


def test_training_here_without_them_is_refused_with_what_to_install(shell: Shell, tmp_path: Path):
    setup = tmp_path / "setup.toml"
    setup.write_text('session = "Ferry help desk (sample)"\n[config]\nbase_model = "tunewright/tiny"\n')

    code, output = run_without_local(shell, "train", "--config", str(setup))

    assert code == 1
    assert "tunewright[local]" in output
    assert "Traceback" not in output


@pytest.mark.parametrize("verb", ["look", "lengths"])
def test_seeing_what_a_model_sees_without_them_is_refused_with_what_to_install(shell: Shell, verb: str):
    words = ("sessions", verb, "Ferry help desk (sample)", "--model", "tunewright/tiny")

    code, output = run_without_local(shell, *words)

    assert code == 1
    assert "tunewright[local]" in output
    assert "Traceback" not in output
