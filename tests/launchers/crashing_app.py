"""Apps that can be killed at any moment, dozens a second: each a fork of one process that has imported all.

python -m tests.launchers.crashing_app PYTHON TRAINER_DIR

On each line of standard input "TARGET HOME WHAT" an app begins in that home; its process id is printed. WHAT
is `queue`, to work the queue off, or `start`, to start a run directly.
"""

import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.adapters.process_launcher import ProcessLauncher
from app.adapters.processes import SystemProcesses
from app.adapters.row_sources import RowSources
from app.adapters.sqlite.engine import open_database
from app.adapters.sqlite.runs import SqliteRunStore
from app.adapters.sqlite.sessions import SqliteSessionStore
from app.adapters.sqlite.settings import SqliteSettingsStore
from app.domain.ports import Launcher
from app.domain.preflight import Readiness
from app.domain.runs import DockerOptions, RunRequest, Target
from app.services.library import LibraryService
from app.services.monitoring import MonitoringService, utc_now
from app.services.queueing import QueueService
from app.services.training import TrainingService
from tests.launchers.places import STAND_IN_IMAGE, docker_launcher
from tests.services.conftest import FixedSecrets
from trainer_image.config import FileDataset, RunConfig


@dataclass(frozen=True)
class App:
    """The services of an app whose runs are real jobs of the stand-in trainer."""

    home: Path
    runs: SqliteRunStore
    monitoring: MonitoringService
    training: TrainingService
    queue: QueueService

    def request(self, target: Target, name: str) -> RunRequest:
        config = RunConfig(base_model="some/model", dataset=FileDataset())
        docker = DockerOptions(image=STAND_IN_IMAGE, use_gpu=False)
        return RunRequest(config, target, data_file=self.home / "rows.jsonl", output_name=name, docker=docker)


def open_app(home: Path, python: str, trainer: Path) -> App:
    database = open_database(home / "tunewright.db")
    processes, settings = SystemProcesses(), SqliteSettingsStore(database)
    runs = SqliteRunStore(database)
    launchers: Mapping[Target, Launcher] = {
        Target.LOCAL: ProcessLauncher(trainer, python),
        Target.DOCKER: docker_launcher(home / "data"),
    }
    sessions = SqliteSessionStore(database, processes)
    library = LibraryService(sessions, RowSources(), settings, FixedSecrets(), home / "none.jsonl")
    monitoring = MonitoringService(runs, launchers, processes, utc_now)
    training = TrainingService(
        runs,
        launchers,
        library,
        monitoring,
        processes,
        FixedSecrets(),
        data_dir=home / "data",
        bundled_model=home,
        clock=utc_now,
        open_folder=lambda folder: None,
    )
    queue = QueueService(
        runs, training, monitoring, processes, settings, list, utc_now, check=lambda _: Readiness()
    )
    return App(home, runs, monitoring, training, queue)


def live(target: Target, home: Path, what: str, python: str, trainer: Path) -> None:
    """Do what an open app does, until somebody kills it."""
    app = open_app(home, python, trainer)
    if what == "start":
        app.training.start(app.request(target, "direct"))
    while True:
        app.queue.advance(app.monitoring.refresh_all())
        time.sleep(0.01)


def main(python: str, trainer: Path) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are collected at once
    while line := sys.stdin.readline():
        target, home, what = line.split()
        if pid := os.fork():
            print(pid, flush=True)
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        try:
            live(Target(target), Path(home), what, python, trainer)
        finally:
            os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
