"""Without the extra `local` the app opens, keeps data and says what is missing."""

import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Shell
from tests.cli.warm import WarmProgram


def packages_of_local() -> list[str]:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    return [requirement.partition("==")[0] for requirement in extras["local"]]


@pytest.fixture(scope="module")
def light(tmp_path_factory) -> Iterator[Callable[..., tuple[int, str]]]:
    """The program in a Python without them: the exit code for some words, and all that was said."""
    folder = tmp_path_factory.mktemp("light")
    shell = Shell(folder / "home")
    program = WarmProgram(folder, shell.environment, packages_of_local())

    def run(*words: str) -> tuple[int, str]:
        code, out, err = program.run(words, shell.environment)
        return code, out + err

    yield run
    program.close()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sessions", "list"), "Ferry help desk"),
        (("sessions", "import", "assets/sample/ferry-help-desk.jsonl"), "344 rows imported"),
        (("sessions", "collects"), "Nothing was collected yet"),
        (("sessions", "import", "docs/user/data.md"), "rows imported"),
        (("runs", "list"), "no runs"),
        (("doctor",), "tunewright[local]"),
    ],
    ids=lambda value: value[-1].rpartition("/")[2] if isinstance(value, tuple) else "",
)
def test_a_verb_works_without_the_training_libraries(light, words: tuple[str, ...], said: str):
    code, output = light(*words)

    assert code in {0, 1} if words == ("doctor",) else code == 0, output
    assert said.lower() in output.lower()
    assert "Traceback" not in output


def test_training_here_without_them_is_refused_with_what_to_install(light, tmp_path: Path):
    setup = tmp_path / "setup.toml"
    setup.write_text('session = "Ferry help desk (sample)"\n[config]\nbase_model = "tunewright/tiny"\n')

    code, output = light("train", "--config", str(setup))

    assert code == 1
    assert "tunewright[local]" in output
    assert "Traceback" not in output


@pytest.mark.parametrize("verb", ["look", "lengths"])
def test_seeing_what_a_model_sees_without_them_is_refused_with_what_to_install(light, verb: str):
    words = ("sessions", verb, "Ferry help desk (sample)", "--model", "tunewright/tiny")

    code, output = light(*words)

    assert code == 1
    assert "tunewright[local]" in output
    assert "Traceback" not in output
