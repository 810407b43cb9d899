"""Runs of the real trainer on a tiny model, each started once and looked at by many tests."""

# ruff: noqa: PLC0415 — torch and its friends take seconds: only the tests that need them pay

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from . import tiny
from .warm import WarmRanks

LORA = {"kind": "lora", "lora_r": 16, "lora_dropout": 0.1}


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def sft_run(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> tiny.Ran:
    return tiny.run(tiny.make_run(tmp_path_factory.mktemp("sft") / "run", tiny_model))


@pytest.fixture(scope="session")
def lora_run(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> tiny.Ran:
    folder = tiny.make_run(tmp_path_factory.mktemp("lora") / "run", tiny_model, **long_lora())
    return tiny.run(folder)


def long_lora() -> dict[str, object]:
    """A hundred steps with dropout, so that a lost random state would show."""
    return {"method": LORA, "num_epochs": 50, "save_steps": 10}


@dataclass(frozen=True)
class Interrupted:
    """A run that was asked to stop, resumed, killed and resumed again."""

    after_stop: tiny.Ran
    stopped_result: str
    after_kill: int
    finished: tiny.Ran


@pytest.fixture(scope="session")
def interrupted_run(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Interrupted:
    folder = tiny.make_run(tmp_path_factory.mktemp("interrupted") / "run", tiny_model, **long_lora())
    copy = folder.with_name("as-it-was-stopped")

    first = tiny.start(folder)
    tiny.wait_for(first, lambda line: "samples_40" in line)
    first.send_signal(signal.SIGTERM)
    stopped = tiny.finish(first, folder)
    shutil.copytree(folder, copy)

    second = tiny.start(folder, "--resume")
    tiny.wait_for(second, lambda line: "Checkpoint saved" in line)
    second.kill()
    killed = tiny.finish(second, folder).code

    finished = tiny.run(folder, "--resume")
    result = (copy / "result.json").read_text(encoding="utf-8")
    return Interrupted(tiny.Ran(copy, stopped.code, stopped.log), result, killed, finished)


@pytest.fixture(scope="session")
def two_processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., tiny.Ran]]:
    """Train a run folder by two processes that need no time to start."""
    ranks = WarmRanks(tmp_path_factory.mktemp("ranks"))
    yield ranks
    ranks.close()


@pytest.fixture
def train_here() -> Iterator[Callable[..., tiny.Ran]]:
    """The trainer's `main` in this process: seconds faster; signals and environment are put back."""
    with trainer_in_this_process() as train:
        yield train


@contextmanager
def trainer_in_this_process() -> Iterator[Callable[..., tiny.Ran]]:
    from trainer_image import train

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    environment = dict(os.environ)

    def run(folder: Path, *options: str) -> tiny.Ran:
        return tiny.Ran(folder, train.main(["--run-dir", str(folder), *options]), "")

    try:
        yield run
    finally:
        signal.set_wakeup_fd(-1)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.environ.clear()
        os.environ.update(environment)
