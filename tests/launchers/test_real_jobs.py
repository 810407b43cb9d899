"""What is promised of jobs that really run: what they see, what they leave, and that they outlive the app."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from app.domain.runs import JobHandle, JobPhase, JobState, Run, Target
from tests.docker_engine import CHECKOUT
from tests.launchers.places import (
    Place,
    behave,
    ended_state,
    has_printed,
    next_attempt,
    seen,
    wait_until,
)
from trainer_image import network

NewRun = Callable[[Place], Run]
TOKEN = "hf_" + "tunewrightTestToken1234567890"


def test_a_secret_reaches_the_job_by_its_environment_only(real_place: Place, new_run: NewRun, monkeypatch):
    run = with_token(new_run(real_place))
    monkeypatch.setenv("WANDB_API_KEY", "not for the job")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    launcher = real_place.launcher()

    handle = launcher.launch(run, resume=False, secrets={"HF_TOKEN": TOKEN})
    found = seen(run)
    launcher.stop(handle, save=True)
    launcher.sync_log(run, handle)

    assert found["token_sha256"] == hashlib.sha256(TOKEN.encode()).hexdigest()
    assert "WANDB_API_KEY" not in found["environment"]
    assert "--run-dir" in found["command"]
    assert not any(TOKEN in argument for argument in found["command"])
    for path in run.folder.rglob("*"):
        assert path.is_dir() or TOKEN.encode() not in path.read_bytes(), path


def test_the_token_of_the_app_is_not_inherited(real_place: Place, new_run: NewRun, monkeypatch):
    run = new_run(real_place)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    launcher = real_place.launcher()

    handle = launcher.launch(run, resume=False, secrets={})
    found = seen(run)
    launcher.stop(handle, save=False)

    assert "HF_TOKEN" not in found["environment"]


def test_a_job_reports_to_no_maker_of_a_library(real_place: Place, new_run: NewRun, monkeypatch):
    run = new_run(real_place)
    for name in ("CI", *network.NO_TELEMETRY):
        monkeypatch.delenv(name, raising=False)
    launcher = real_place.launcher()

    handle = launcher.launch(run, resume=False, secrets={})
    found = seen(run)
    launcher.stop(handle, save=False)

    assert found["no_telemetry"] == {name: network.NO_TELEMETRY[name] for name in found["no_telemetry"]}


def test_an_attempt_knows_its_number_and_whether_it_resumes(real_place: Place, new_run: NewRun):
    launcher, run = real_place.launcher(), new_run(real_place)
    handle = launcher.launch(run, resume=False, secrets={})
    first = seen(run)
    launcher.stop(handle, save=True)
    again = next_attempt(run)

    handle = launcher.launch(again, resume=True, secrets={})
    second = seen(again)
    launcher.stop(handle, save=True)

    assert (first["attempt"], first["resume"]) == (1, False)
    assert (second["attempt"], second["resume"]) == (2, True)


def test_what_the_job_writes_belongs_to_the_user(real_place: Place, new_run: NewRun):
    launcher, run = real_place.launcher(), new_run(real_place)
    handle = launcher.launch(run, resume=False, secrets={})

    found = seen(run)
    launcher.stop(handle, save=True)

    assert found["user"] == os.getuid()
    assert {path.stat().st_uid for path in run.folder.rglob("*")} == {os.getuid()}


def test_the_log_has_every_line_once_over_attempts_and_readers(real_place: Place, new_run: NewRun):
    run = new_run(real_place)
    behave(run, last_words=True)
    for attempt in (run, next_attempt(run)):
        launcher = real_place.launcher()
        handle = launcher.launch(attempt, resume=False, secrets={})
        for number in (5, 20, 60):
            wait_until(lambda n=number, a=attempt, h=handle: synced_to(real_place, a, h, n))
        launcher.stop(handle, save=False)
        real_place.launcher().sync_log(attempt, handle)
        real_place.launcher().sync_log(attempt, handle)

    for attempt in (1, 2):
        assert counted(run, attempt) == list(range(ending(run, attempt)))
    assert run.log_path.read_text().count("no newline at the end") == 2


def test_a_run_outlives_the_app_that_launched_it(real_place: Place, new_run: NewRun, trainer_dir: Path):
    run = new_run(real_place)
    app = start_app(real_place, run, trainer_dir)
    assert app.stdout is not None
    handle = JobHandle(json.loads(app.stdout.readline()))
    seen(run)
    os.killpg(app.pid, signal.SIGKILL)
    app.wait()
    app.stdout.close()

    launcher = real_place.launcher()
    found = launcher.find(run)
    state = launcher.state(handle)
    wait_until(lambda: synced_to(real_place, run, handle, 40))
    launcher.stop(handle, save=True)
    launcher.sync_log(run, handle)

    assert found == handle
    assert state == JobState(JobPhase.RUNNING)
    assert real_place.has_saved(run)
    assert launcher.state(handle) == JobState(JobPhase.EXITED, 3)
    assert counted(run, 1) == list(range(ending(run, 1)))


def test_how_a_run_ended_while_nobody_looked_is_known(real_place: Place, new_run: NewRun, trainer_dir: Path):
    run = new_run(real_place)
    app = start_app(real_place, run, trainer_dir)
    assert app.stdout is not None
    handle = JobHandle(json.loads(app.stdout.readline()))
    seen(run)
    os.killpg(app.pid, signal.SIGKILL)
    app.wait()
    app.stdout.close()

    real_place.finish(run, 5)

    assert ended_state(real_place.launcher(), handle) == JobState(JobPhase.EXITED, 5)


def start_app(place: Place, run: Run, trainer_dir: Path) -> "subprocess.Popen[str]":
    """A process of its own that launches the run, tells the handle, and does not leave by itself."""
    where = run.folder.parent.parent if place.target is Target.DOCKER else trainer_dir
    return subprocess.Popen(
        [sys.executable, "-m", "tests.launchers.app_in_miniature", place.target, where, run.folder, run.id],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def with_token(run: Run) -> Run:
    return replace(run, docker=replace(run.docker, pass_hf_token=True))


def synced_to(place: Place, run: Run, handle: JobHandle, number: int) -> bool:
    place.launcher().sync_log(run, handle)
    return has_printed(run, f"attempt {run.attempt} line {number}")


def counted(run: Run, attempt: int) -> list[int]:
    """Numbers of an attempt's lines in the log, sorted: stdout and stderr may change places."""
    return sorted(int(n) for n in re.findall(rf"attempt {attempt} line (\d+)\n", run.log_path.read_text()))


def ending(run: Run, attempt: int) -> int:
    """How many lines the trainer says it has printed."""
    [number] = re.findall(rf"attempt {attempt} end (\d+)\n", run.log_path.read_text())
    return int(number)
