"""The command line as a program, each test session with its own home."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.cli.warm import ROOT, WarmProgram


class Shell:
    """Runs `tunewright` words in one home; with `warm` they start at once."""

    def __init__(self, home: Path, warm: WarmProgram | None = None) -> None:
        self.home = home
        self._warm = warm
        kept = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
        self.before: list[str] = []
        """What goes before the program's own words: another one that starts it."""
        self.environment = {**kept, "TUNEWRIGHT_HOME": str(home), "OMP_NUM_THREADS": "1"}

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.before, sys.executable, "-m", "app", *words],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Ctrl+C reaches it, also where the tests run in the background, which ignore it.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )

    def run(self, *words: str) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        if self._warm is not None and not self.before and "PYTHONIOENCODING" not in self.environment:
            return self._warm.run(words, self.environment)
        process = self.start(*words)
        out, err = process.communicate(timeout=240)
        return process.returncode, out, err

    def ok(self, *words: str) -> str:
        code, out, err = self.run(*words)
        assert code == 0, f"{words} ended with {code}: {out}{err}"
        return out

    def json(self, *words: str) -> Any:
        return json.loads(self.ok(*words, "--json"))


@pytest.fixture(scope="session")
def warm(tmp_path_factory) -> Iterator[WarmProgram]:
    folder = tmp_path_factory.mktemp("warm")
    program = WarmProgram(folder, Shell(folder / "home").environment)
    yield program
    program.close()


@pytest.fixture(scope="module")
def shell(tmp_path_factory, warm) -> Shell:
    return Shell(tmp_path_factory.mktemp("home"), warm)
