"""A checkpoint on request, while the run goes on."""

import os
import signal
from pathlib import Path

import pytest

from trainer_image.commands import Commands
from trainer_image.config import SAVE_COMMAND
from trainer_image.events import CheckpointSaved

from . import tiny


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer_image.commands._LOOK_EVERY_SECONDS", 0.0)


def wish(run_dir: Path) -> Path:
    path = run_dir / SAVE_COMMAND
    path.parent.mkdir(exist_ok=True)
    path.touch()
    return path


@pytest.mark.usefixtures("at_once")
def test_a_command_file_is_taken_once_and_removed(tmp_path: Path) -> None:
    commands = Commands(tmp_path)
    before = commands.take_save()
    path = wish(tmp_path)

    assert [before, commands.take_save(), commands.take_save()] == [False, True, False]
    assert not path.exists()


@pytest.mark.usefixtures("at_once")
def test_a_file_that_cannot_be_removed_is_one_wish_until_it_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(1, "another user's folder")

    monkeypatch.setattr(Path, "unlink", refuse)
    commands, path = Commands(tmp_path), wish(tmp_path)

    first = [commands.take_save(), commands.take_save()]
    os.utime(path, ns=(1, 1))

    assert [*first, commands.take_save(), commands.take_save()] == [True, False, True, False]


@pytest.mark.training
def test_a_signal_and_a_file_save_without_stopping_or_changing_the_run(
    lora_run: tiny.Ran, tiny_model: Path, tmp_path: Path
) -> None:
    method = {"kind": "lora", "lora_r": 16, "lora_dropout": 0.1}
    settings = {"method": method, "num_epochs": 50, "save_steps": 1000, "keep_checkpoints": 1}
    folder = tiny.make_run(tmp_path / "run", tiny_model, **settings)
    process = tiny.start(folder)
    tiny.wait_for(process, lambda line: "Training" in line)

    wish(folder)
    tiny.wait_for(process, lambda line: "Checkpoint saved" in line)
    process.send_signal(signal.SIGUSR1)
    ran = tiny.finish(process, folder)

    first, second, last = (event.step for event in ran.of(CheckpointSaved))
    assert ran.code == 0
    assert 0 < first < second < last == 100
    kept = {path.name for path in (folder / "checkpoints").iterdir()}
    assert kept == {f"samples_{4 * step}" for step in (first, second, last)}
    assert tiny.losses(ran) == tiny.losses(lora_run)
