"""The app is killed at any moment while it starts a run; the next start tells the truth about it."""

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.domain.runs import RunStatus
from tests.services.killed_app import make

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
STEPS = 40  # of trainer_stand_in.py
SEEDS = 4  # tests/launchers/test_crashes.py has more; here every step and line is counted


@pytest.fixture
def trainer(tmp_path: Path) -> Path:
    """A trainer folder: the stand-in under the real supervisor."""
    folder = tmp_path / "trainer"
    folder.mkdir()
    shutil.copy(HERE / "trainer_stand_in.py", folder / "train.py")
    shutil.copy(ROOT / "trainer_image" / "supervisor.py", folder)
    return folder


def start_app(home: Path, trainer: Path) -> subprocess.Popen[str]:
    app = subprocess.Popen(
        [sys.executable, "-m", "tests.services.killed_app", str(home), str(trainer)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert app.stdout
    assert app.stdout.readline() == "ready\n"
    return app


def kill(app: subprocess.Popen[str]) -> None:
    app.send_signal(signal.SIGKILL)
    app.communicate()


@pytest.mark.parametrize("seed", range(SEEDS))
def test_an_app_killed_at_a_random_moment_leaves_no_untrue_run(seed, tmp_path, trainer):
    """Waiting is what is tested here: the moment of the kill must be arbitrary."""
    app = start_app(tmp_path, trainer)
    time.sleep(random.Random(seed).uniform(0, 0.15))
    kill(app)

    world = make(tmp_path, trainer)
    runs = world.monitoring.refresh_all()

    assert len(runs) <= 1
    assert RunStatus.STARTING not in [run.status for run in runs]
    for run in runs:
        if run.status is RunStatus.FAILED:
            assert run.message == "The app ended while it was starting this run."
            assert not run.events_path.exists()
            continue
        while not (run := world.monitoring.refresh(run.id)).status.is_final:
            time.sleep(0.02)
        assert (run.status, run.step) == (RunStatus.FINISHED, STEPS)
        assert [metric.step for metric in world.monitoring.metrics(run.id)] == list(range(1, STEPS + 1))
        assert world.monitoring.log_text(run)[0].splitlines() == [f"step {n}" for n in range(1, STEPS + 1)]


def test_a_run_goes_on_while_the_app_is_dead_and_is_followed_again(tmp_path, trainer):
    app = start_app(tmp_path, trainer)
    assert app.stdout
    assert app.stdout.readline() == "started\n"
    kill(app)

    world = make(tmp_path, trainer)
    [run] = world.monitoring.refresh_all()

    assert run.status is RunStatus.RUNNING
    while not (run := world.monitoring.refresh(run.id)).status.is_final:
        time.sleep(0.02)
    assert run.status is RunStatus.FINISHED
    assert len(world.monitoring.metrics(run.id)) == STEPS
