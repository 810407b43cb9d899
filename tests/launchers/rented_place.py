"""Runpod for the launcher tests: the emulator, whose pods run the real supervisor and a trainer."""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from app.adapters.environment_secrets import EnvironmentSecrets
from app.adapters.pod_tokens import PodTokenFiles
from app.adapters.processes import SystemProcesses
from app.adapters.run_files import write_config
from app.adapters.runpod.agents import RentedAgent
from app.adapters.runpod.client import RunpodClient
from app.adapters.runpod.places import places
from app.adapters.sqlite.engine import open_database
from app.adapters.sqlite.rentals import SqliteRentalStore
from app.adapters.sqlite.settings import SqliteSettingsStore
from app.domain.ports import Launcher
from app.domain.renting import PodOptions
from app.domain.runs import JobPhase, JobState, Run, Target
from app.services.renting.account import Account
from app.services.renting.keepers import Keepers
from app.services.renting.launcher import RunpodLauncher
from app.services.renting.parts import Patience, Renting
from tests.docker_engine import CHECKOUT
from tests.emulators.runpod.containers import Image
from tests.emulators.runpod.server import RunpodEmulator
from tests.launchers.places import STAND_IN, wait_until

IMAGE = "ghcr.io/tunewright/trainer:test"
POD = PodOptions(image=IMAGE, budget=5.0, hours=2.0)
HURRY = Patience(
    look=timedelta(seconds=0.05),
    listen_seconds=0.0,
    outputs=timedelta(seconds=0.1),
    confirm=timedelta(seconds=0.1),
    unseen=timedelta(seconds=0.5),
    silence=timedelta(seconds=0.5),
    leave=timedelta(seconds=4),
    save=timedelta(seconds=10),  # of a machine on which much else goes on
    stopped=timedelta(seconds=60),
    retry_seconds=0.05,
)


def trainer_image(trainer: Path, **environment: str) -> dict[str, Image]:
    """What runs in a pod: the supervisor of this checkout, with that trainer."""
    env = {
        "PYTHONPATH": str(CHECKOUT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "STUDIO_HOST": "127.0.0.1",
        "STUDIO_PORT": "{port:8080}",
        "STUDIO_TRAINER": str(trainer),
        "STUDIO_RETRY_SECONDS": "0.2",
        **environment,
    }
    return {"": Image(["{python}", "-m", "trainer_image.pod"], env)}


def renting_of(home: Path, environment: Mapping[str, str], patience: Patience = HURRY) -> Renting:
    """What an app with that home and that environment rents with."""
    database = open_database(home / "tunewright.db")
    secrets = EnvironmentSecrets(environment)
    client = RunpodClient(secrets, where=lambda: places(environment), pause=hurried)
    return Renting(
        rentals=SqliteRentalStore(database),
        account=Account(secrets, client, lambda: ""),
        agents=partial(RentedAgent, pause=hurried),
        tokens=PodTokenFiles(home / "pods"),
        processes=SystemProcesses(),
        settings=SqliteSettingsStore(database),
        clock=lambda: datetime.now(UTC),
        hub_token=secrets.hf_token,
        write_config=write_config,
        patience=patience,
    )


def hurried(seconds: float) -> None:
    """Between two tries, in a hundredth of the time."""
    time.sleep(seconds / 100)


class RentedPlace:
    target = Target.RUNPOD

    def __init__(self, home: Path, **patience: Any) -> None:
        self._behaviours = home / "behaviours"
        self._behaviours.mkdir(parents=True)
        self.emulator = RunpodEmulator(home / "runpod", images=trainer_image(self._trainer(home))).start()
        self.renting = renting_of(home, self.emulator.environment(), replace(HURRY, **patience))
        self.keepers = Keepers(self.renting)

    def _trainer(self, home: Path) -> Path:
        """The stand-in, told how to behave before it starts: nothing but a run's own files reaches a pod."""
        program = home / "trainer" / "train.py"
        program.parent.mkdir()
        program.write_text(
            "import runpy, shutil, sys\nfrom pathlib import Path\n"
            "folder = Path(sys.argv[sys.argv.index('--run-dir') + 1])\n"
            f"told = Path({str(self._behaviours)!r}) / folder.name\n"
            "if told.exists():\n    shutil.copy(told, folder / 'behaviour.json')\n"
            f"runpy.run_path({str(STAND_IN / 'train.py')!r}, run_name='__main__')\n"
        )
        return program

    def launcher(self) -> Launcher:
        return RunpodLauncher(self.renting, self.keepers, lambda _: None)

    def make_stubborn(self, run: Run) -> None:
        (self._behaviours / run.id).write_text(json.dumps({"ignore_signals": True}))

    def finish(self, run: Run, exit_code: int) -> None:
        self.wait_until_trained(run)
        partial = self.folder_there(run) / "finish.partial"
        partial.write_text(str(exit_code))
        partial.replace(partial.with_name("finish"))

    def has_saved(self, run: Run) -> bool:
        return (run.folder / "saved").exists()

    def leaves_by_force(self, state: JobState) -> bool:
        return state.phase is JobPhase.EXITED and state.exit_code is None and "did not" in state.message

    def wait_until_trained(self, run: Run) -> None:
        wait_until(lambda: self.seen_there(run).get("attempt") == run.attempt)

    def folder_there(self, run: Run) -> Path:
        """The run's folder in its newest pod."""
        pods = [pod for pod in list(self.emulator.account.pods.values()) if run.id in pod.wish.name]
        return pods[-1].place.volume / "runs" / run.id if pods else Path("/nowhere")

    def seen_there(self, run: Run) -> dict[str, Any]:
        try:
            return json.loads((self.folder_there(run) / "seen.json").read_text())
        except (OSError, ValueError):
            return {}

    def close(self) -> None:
        self.keepers.close()
        self.emulator.close()
