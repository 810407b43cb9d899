"""Apps are killed at any moment, while they start runs or work the queue off; the next one tells the truth.

Waiting is what is tested here: the moment of a kill must be arbitrary. A seed names it, and stands in the
text of a failure.
"""

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.adapters.sqlite.engine import open_database
from app.adapters.sqlite.runs import SqliteRunStore
from app.domain.runs import Run, RunStatus, Target
from tests.docker_engine import CHECKOUT
from tests.launchers.crashing_app import App, open_app
from trainer_image.config import DATA_FILE

SEEDS = 50
AT_ONCE = 6
PATIENCE_SECONDS = 60.0
CUT_SHORT = "The app ended while it was starting this run."
GONE = "The run ended without a trace: the computer may have restarted."


@dataclass
class Nursery:
    """Begins apps that are about to be killed."""

    process: subprocess.Popen[str]
    python: str
    trainer: Path
    lock: threading.Lock

    def begin(self, target: Target, home: Path, what: str) -> int:
        with self.lock:
            assert self.process.stdin
            assert self.process.stdout
            self.process.stdin.write(f"{target.value} {home} {what}\n")
            self.process.stdin.flush()
            return int(self.process.stdout.readline())

    def open(self, home: Path) -> App:
        return open_app(home, self.python, self.trainer)


@pytest.fixture
def nursery(tmp_path: Path, trainer_dir: Path) -> Iterator[Nursery]:
    quick = tmp_path / "python"  # the stand-in needs no package, and without them Python starts in a third
    quick.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    quick.chmod(0o755)
    command = [sys.executable, "-m", "tests.launchers.crashing_app", str(quick), str(trainer_dir)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen(command, cwd=CHECKOUT, text=True, **pipes)
    yield Nursery(process, str(quick), trainer_dir, threading.Lock())
    process.communicate()


@pytest.mark.parametrize(
    ("target", "queued"), [(Target.LOCAL, 2), pytest.param(Target.DOCKER, 1, marks=pytest.mark.docker)]
)
def test_fifty_kills_leave_no_untrue_run(target, queued, nursery: Nursery, tmp_path, request):
    if target is Target.DOCKER:
        request.getfixturevalue("stand_in_image")
    prepared = prepare(nursery, target, tmp_path / "prepared", queued)

    def one(seed: int) -> str:
        home = copy_home(prepared, tmp_path / f"seed-{seed}")
        try:
            survive(nursery, target, home, random.Random(seed), seed)
        except Exception as error:  # the seed is what is needed to see it again
            return f"seed {seed}: {type(error).__name__}: {error}"
        finally:
            end_everything(home, target)
        return ""

    with ThreadPoolExecutor(AT_ONCE) as pool:
        assert [failure for failure in pool.map(one, range(SEEDS)) if failure] == []


def prepare(nursery: Nursery, target: Target, home: Path, queued: int) -> Path:
    """A home with so many runs in its queue."""
    home.mkdir()
    (home / "rows.jsonl").write_text('{"prompt": "Q", "completion": "A"}\n')
    app = nursery.open(home)
    for number in range(queued):
        app.queue.add(app.request(target, f"queued-{number}"))
    return home


def copy_home(prepared: Path, home: Path) -> Path:
    """The runs get ids of their own: an engine knows a run's containers by its id alone.

    SQLite copies its own file: whoever prepared it may close it, and so remove its log, at this moment.
    """
    shutil.copytree(prepared, home, ignore=shutil.ignore_patterns("tunewright.db*"))
    with (
        closing(sqlite3.connect(prepared / "tunewright.db")) as source,
        closing(sqlite3.connect(home / "tunewright.db")) as copied,
    ):
        source.backup(copied)
    change = "UPDATE runs SET folder = replace(folder, ?, ?), id = lower(hex(randomblob(6)))"
    with closing(sqlite3.connect(home / "tunewright.db")) as database, database:
        database.execute(change, (str(prepared), str(home)))
    return home


def survive(nursery: Nursery, target: Target, home: Path, dice: random.Random, seed: int) -> None:
    """One or two apps are killed; in every fourth seed the computer goes down with them."""
    is_direct, are_two, takes_all = seed % 5 == 4, seed % 2 == 1, seed % 4 == 3
    for number in range(2):
        if dice.random() < 0.5:
            finish(home / "data" / "outputs" / f"queued-{number}")
    what = "start" if is_direct else "queue"
    killed = [nursery.begin(target, home, what if n == 0 else "queue") for n in range(1 + are_two)]
    time.sleep(dice.uniform(0, 0.4 if target is Target.LOCAL else 1.0))
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(psutil.pid_exists(pid) for pid in killed))
    if takes_all and target is Target.LOCAL:
        for process in of_home(home):
            with suppress(psutil.Error):
                process.kill()

    app = nursery.open(home)
    first_look = app.monitoring.refresh_all()

    assert RunStatus.STARTING not in [run.status for run in first_look], (
        "it says it starts, and nobody starts it"
    )
    for run in first_look:
        if run.status is RunStatus.RUNNING:
            assert is_there(app, run), f"{run.name} says it runs, and does not"
        if run.status is RunStatus.FAILED:
            allowed = {CUT_SHORT} if run.name == "direct" else set()
            assert run.message in allowed | ({GONE} if takes_all else set()), f"{run.name}: {run.message}"
    drain(app, home, target)


def drain(app: App, home: Path, target: Target) -> None:
    """The next app lets everything end; each run then has happened once, one at a time."""
    for folder in (home / "data" / "outputs").iterdir():
        finish(folder)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not all(run.status.is_final for run in app.monitoring.refresh_all()):
        app.queue.advance()
        assert time.monotonic() < deadline, (
            f"still {[(r.name, r.status.value) for r in app.monitoring.runs()]}"
        )
        time.sleep(0.01)
    runs = app.monitoring.runs()
    # Where the computer went down, the kernel may still have had a run save and stop.
    cut = [r for r in runs if r.status is not RunStatus.FINISHED and (r.folder / DATA_FILE).exists()]
    for run in cut:
        app.queue.add_back(run.id)
    if cut:
        drain(app, home, target)
        return
    names = sorted(run.name for run in runs)
    assert [name for name in names if name != "direct"] == sorted(set(names) - {"direct"}), names
    for run in runs:
        if run.name == "direct" and run.status is RunStatus.FAILED:
            continue  # killed before it had its rows: nothing was started, and nothing can be
        assert run.status is RunStatus.FINISHED, (run.name, run.status, run.message)
        attempts = [json.loads(line)["attempt"] for line in run.events_path.read_text().splitlines()]
        assert attempts == sorted(set(attempts)), f"{run.name} was started twice: {attempts}"
        assert attempts[-1] == run.attempt
    while jobs := living_jobs(app, home, target):  # a container is gone a moment after what ran in it
        assert time.monotonic() < deadline, f"something of these runs is still there: {jobs}"
        time.sleep(0.01)


def finish(folder: Path) -> None:
    """Let the stand-in in this run folder end as soon as it looks."""
    if folder.is_dir() and not (folder / "finish").exists():
        (folder / "finish.partial").write_text("0")
        (folder / "finish.partial").replace(folder / "finish")


def is_there(app: App, run: Run) -> bool:
    """Whether it runs, or has just ended: asked of the target, not of the store."""
    return not app.monitoring.refresh(run.id).status.is_final or run.result_path.exists()


def living_jobs(app: App, home: Path, target: Target) -> list[Any]:
    if target is Target.LOCAL:
        wait_until(lambda: not of_home(home))  # a supervisor notes how it ended, and leaves
        return list(of_home(home))
    return [container for run in app.monitoring.runs() for container in containers_of(run)]


def of_home(home: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            is_alive = process.status() != psutil.STATUS_ZOMBIE
            if is_alive and any(word.startswith(f"{home}{os.sep}") for word in process.cmdline()):
                found.append(process)
    return found


def containers_of(run: Run) -> list[Any]:
    import docker  # noqa: PLC0415 - only where there is an engine

    with closing(docker.from_env()) as client:
        return list(
            client.containers.list(
                all=True, ignore_removed=True, filters={"label": f"tunewright.run_id={run.id}"}
            )
        )


def end_everything(home: Path, target: Target) -> None:
    for process in of_home(home):
        with suppress(psutil.Error):
            process.kill()
    if target is Target.DOCKER:
        for run in SqliteRunStore(open_database(home / "tunewright.db")).all():
            for container in containers_of(run):
                container.remove(force=True)


def wait_until(condition) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.03)
