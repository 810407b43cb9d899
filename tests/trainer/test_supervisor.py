"""The process that stays with a run."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SUPERVISOR = Path(__file__).parents[2] / "trainer_image" / "supervisor.py"
WAITS_FOR_SIGTERM = (
    "import signal, sys, threading\n"
    "signal.signal(signal.SIGTERM, lambda *_: (print('saving', flush=True), sys.exit(3)))\n"
    "print('ready', flush=True)\n"
    "while True: threading.Event().wait(1)\n"
)


def start(run_dir: Path, program: str, *, attempt: int = 1) -> "subprocess.Popen[bytes]":
    command = [sys.executable, str(SUPERVISOR), "--run-dir", str(run_dir), "--attempt", str(attempt)]
    return subprocess.Popen([*command, "--", sys.executable, "-c", program], start_new_session=True)


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def log(run_dir: Path) -> str:
    path = run_dir / "log.txt"
    return path.read_text() if path.exists() else ""


def test_it_keeps_the_log_and_records_how_the_run_ended(tmp_path: Path) -> None:
    program = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"

    code = start(tmp_path, program, attempt=2).wait(20)

    assert code == 3
    assert {"out", "err"} <= set(log(tmp_path).split())
    ended = read(tmp_path / "exit.json")
    assert (ended["attempt"], ended["exit_code"]) == (2, 3)
    assert ended["ended_at"] > 1_700_000_000


def test_a_log_that_cannot_be_written_is_an_end_on_record(tmp_path: Path) -> None:
    (tmp_path / "log.txt").mkdir()

    assert start(tmp_path, "print('trained')").wait(20) == 127

    assert read(tmp_path / "exit.json")["exit_code"] == 127


def test_a_later_attempt_goes_on_in_the_same_log(tmp_path: Path) -> None:
    start(tmp_path, "print('one')").wait(20)
    start(tmp_path, "print('two')", attempt=2).wait(20)

    assert log(tmp_path).split() == ["one", "two"]


def test_it_says_which_processes_the_run_is(tmp_path: Path) -> None:
    supervisor = start(tmp_path, WAITS_FOR_SIGTERM)
    wait_until(lambda: (tmp_path / "job.json").exists() and "ready" in log(tmp_path))

    job = read(tmp_path / "job.json")

    assert job["attempt"] == 1
    assert job["supervisor_pid"] == supervisor.pid
    stat = Path(f"/proc/{job['child_pid']}/stat")
    if stat.exists():
        assert str(int(job["child_started"])) in stat.read_text().split()
    supervisor.terminate()
    assert supervisor.wait(20) == 3


def test_it_passes_a_stop_on_once_even_when_its_whole_group_is_signalled(tmp_path: Path) -> None:
    supervisor = start(tmp_path, WAITS_FOR_SIGTERM)
    wait_until(lambda: "ready" in log(tmp_path) and (tmp_path / "job.json").exists())

    assert os.getsid(read(tmp_path / "job.json")["child_pid"]) != supervisor.pid
    os.killpg(supervisor.pid, signal.SIGTERM)

    assert supervisor.wait(20) == 3
    assert log(tmp_path).split() == ["ready", "saving"]
    assert read(tmp_path / "exit.json")["exit_code"] == 3


def test_a_run_killed_by_a_signal_is_recorded_as_that(tmp_path: Path) -> None:
    code = start(tmp_path, "import os; os.kill(os.getpid(), 9)").wait(20)

    assert code == 128 + 9
    assert read(tmp_path / "exit.json")["exit_code"] == -9


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_a_run_whose_supervisor_is_killed_saves_and_leaves(tmp_path: Path) -> None:
    supervisor = start(tmp_path, WAITS_FOR_SIGTERM)
    wait_until(lambda: "ready" in log(tmp_path) and (tmp_path / "job.json").exists())

    supervisor.kill()
    supervisor.wait(20)

    wait_until(lambda: "saving" in log(tmp_path))
    assert not (tmp_path / "exit.json").exists()


def test_a_command_that_does_not_exist_is_an_end_too(tmp_path: Path) -> None:
    command = [sys.executable, str(SUPERVISOR), "--run-dir", str(tmp_path), "--attempt", "1"]

    done = subprocess.run([*command, "--", "/no/such/program", "--flag"], check=False)

    assert done.returncode == read(tmp_path / "exit.json")["exit_code"] == 127
    assert "could not be started" in log(tmp_path)
