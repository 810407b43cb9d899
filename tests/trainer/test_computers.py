"""Several computers: what one's processes find out the launchers of all know, who begin again together."""

import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainer_image import computers, ranks
from trainer_image.events import Notice
from trainer_image.problems import RunFailedError

from . import tiny
from .test_agreement import settings
from .test_several_processes import TWO

pytestmark = [
    pytest.mark.training,
    pytest.mark.skipif(sys.platform == "win32", reason="gloo under torchrun"),
]
Train = Callable[..., tiny.Ran]

LAUNCHER = """
import pathlib, sys
from trainer_image import computers, launching
computers._GRACE_SECONDS = 0.0
program, run_dir, port, number = sys.argv[1:]
spread = launching.Spread(1, 2, int(number), master_addr="127.0.0.1", master_port=int(port))
folder = pathlib.Path(run_dir)
sys.exit(launching.start(spread, pathlib.Path(program), ["--begin"], folder, attempt=3))
"""
RUNS_OUT_ON_THE_SECOND = """
import os, pathlib, signal, sys
from trainer_image import ranks
number, begun = os.environ["GROUP_RANK"], pathlib.Path.cwd()
with (begun / f"{number}.words").open("a") as words:
    words.write(f"{sys.argv[1:]} {os.environ.get('TUNEWRIGHT_FOUND_MEMORY')}\\n")
ranks.announce()
shared = begun / (".computers-2" if "TUNEWRIGHT_FOUND_MEMORY" in os.environ else ".computers-1")
shared.mkdir(exist_ok=True)
ranks.note("shared", str(shared))
if "TUNEWRIGHT_FOUND_MEMORY" in os.environ:
    os._exit(ranks.note_exit(0))
if number == "1":
    ranks.note_for_all("memory", '{"limit": 2}')
    os._exit(75)
signal.pause()  # as processes on GPUs wait for one that has gone
"""


def test_when_memory_runs_out_on_one_computer_those_of_all_are_ended_and_started_again(
    tmp_path: Path,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = tmp_path / "asks.py"
    program.write_text(RUNS_OUT_ON_THE_SECOND)
    words = [sys.executable, "-c", LAUNCHER, str(program), str(tmp_path), str(port)]
    environment = tiny.environment(PYTHONPATH=str(tiny.TRAIN.parents[1]))

    both = [subprocess.Popen([*words, number], cwd=tmp_path, env=environment) for number in "01"]

    try:
        codes = [process.wait(120) for process in both]
    finally:
        for process in both:
            process.kill()
    assert codes == [0, 0]
    told = [(tmp_path / f"{number}.words").read_text().splitlines() for number in "01"]
    assert told[0] == told[1]
    assert [line.startswith("['--begin']") for line in told[0]] == [True, True]
    assert '"limit":2' in told[0][1]
    assert not (tmp_path / "result.json").exists()
    assert not (tmp_path / ".computers-2").exists()


def test_all_go_on_from_the_checkpoint_that_the_first_computer_sees(tmp_path: Path) -> None:
    first, second = (others_of(tmp_path, number) for number in (0, 1))
    said: list[bool] = []

    waiting = threading.Thread(target=lambda: said.append(second.agree(False)))
    waiting.start()
    said.append(first.agree(True))
    waiting.join()

    assert said == [True, True]


def test_a_computer_that_does_not_come_back_is_waited_for_and_then_missed(tmp_path: Path) -> None:
    alone = others_of(tmp_path, 0, patience_seconds=0.0)

    with pytest.raises(RunFailedError, match="not all computers") as told:
        alone.agree(True)

    assert "resume the run" in told.value.hint


def others_of(place: Path, number: int, **more: Any) -> computers.Others:
    """As the launcher of that computer has them once its processes have met the others' and ended."""
    notes = place / f"notes-{number}"
    notes.mkdir()
    (notes / "0.shared").write_text(str(place))
    (notes / "0.group").write_text(str(number))
    others = computers.Others(2, **more)
    others.notes(notes)
    return others


@pytest.mark.parametrize(
    ("differs", "warning", "problem"),
    [
        ("has_no_room_and_another_disk", "do not see the same run folder", "cannot begin again"),
        ("has_other_rows", "", "do not have the same checkpoints and rows"),
    ],
)
def test_computers_that_do_not_see_the_same_say_so_and_end(
    tiny_model: Path, tmp_path: Path, two_processes: Train, differs: str, warning: str, problem: str
) -> None:
    asked = settings(validation="off", max_steps=2, distributed=TWO | {"strategy": "fsdp"})
    folder = tiny.make_run(tmp_path / "run", tiny_model, **asked)
    for number in (0, 1):
        (tmp_path / "notes" / str(number)).mkdir(parents=True)
    place = {ranks.FOLDER: str(tmp_path / "notes")}

    ran = two_processes(folder, differs=differs, computers=2, environment=place)

    assert ran.code == 1, ran.log
    assert ran.result.status == "failed"
    assert any(warning in notice.message for notice in ran.of(Notice))
    noted = next(ranks.problems_in(tmp_path / "notes" / "1"))
    assert problem in noted.message
    assert "resume" in noted.hint
