"""An app that starts a run and is about to be killed. Started as a program by test_killed_app.py."""

import sys
from dataclasses import replace
from pathlib import Path

from app.adapters.process_launcher import ProcessLauncher
from app.adapters.processes import SystemProcesses
from app.adapters.sqlite.engine import open_database
from app.domain.ports import Launchers
from app.domain.runs import RunRequest, Target
from app.services.monitoring import MonitoringService, utc_now
from app.services.training import TrainingService
from tests.services.conftest import FixedSecrets, World, make_world
from trainer_image.config import RunConfig


def make(home: Path, trainer: Path) -> World:
    """The services of an app whose runs are real processes of the trainer in `trainer`."""
    world = make_world(home, open_database(home / "tunewright.db"))
    launchers: Launchers = {Target.LOCAL: ProcessLauncher(trainer)}
    processes = SystemProcesses()
    monitoring = MonitoringService(world.runs, launchers, processes, utc_now)
    training = TrainingService(
        world.runs,
        launchers,
        world.library,
        monitoring,
        processes,
        FixedSecrets(),
        data_dir=home / "data",
        bundled_model=home,
        open_folder=lambda folder: None,
        clock=utc_now,
    )
    return replace(world, monitoring=monitoring, training=training)


def main(home: Path, trainer: Path) -> None:
    world = make(home, trainer)
    session = world.library.ensure_sample() or world.library.sessions()[0]
    print("ready", flush=True)
    world.training.start(RunRequest(RunConfig(base_model="a/b"), Target.LOCAL, session_id=session.id))
    print("started", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
