"""Where the contract tests launch runs: in memory, as processes, in containers of a real engine."""

import json
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from app.adapters.docker_launcher import DockerLauncher
from app.adapters.docker_plan import Shared
from app.adapters.process_launcher import ProcessLauncher
from app.domain.ports import Launcher
from app.domain.runs import DockerOptions, JobHandle, JobPhase, JobState, Run, RunId, RunStatus, Target
from tests.docker_engine import CHECKOUT
from tests.fakes import FakeLauncher
from trainer_image.config import RunConfig

STAND_IN = Path(__file__).parent / "stand_in"
STAND_IN_IMAGE = "tunewright-stand-in:test"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def make_run(folder: Path, run_id: str, *, target: Target = Target.LOCAL, image: str = STAND_IN_IMAGE) -> Run:
    folder.mkdir(parents=True, exist_ok=True)
    return Run(
        id=RunId(run_id),
        name=folder.name,
        target=target,
        config=RunConfig(base_model="some/model"),
        docker=DockerOptions(image=image, use_gpu=False),
        folder=folder,
        data_label="a sample",
        session_id=None,
        status=RunStatus.STARTING,
        created_at=NOON,
    )


def next_attempt(run: Run) -> Run:
    return replace(run, attempt=run.attempt + 1)


def behave(run: Run, **behaviour: Any) -> None:
    """Say before the launch how the stand-in trainer behaves."""
    (run.folder / "behaviour.json").write_text(json.dumps(behaviour))


def seen(run: Run) -> dict[str, Any]:
    """What the stand-in trainer found when it started."""
    wait_until(lambda: (run.folder / "seen.json").exists() and read(run)["attempt"] == run.attempt)
    return read(run)


def read(run: Run) -> dict[str, Any]:
    return json.loads((run.folder / "seen.json").read_text())


def has_printed(run: Run, text: str) -> bool:
    return run.log_path.exists() and text in run.log_path.read_text()


def wait_until(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.01)


def ended_state(launcher: Launcher, handle: JobHandle) -> JobState:
    wait_until(lambda: launcher.state(handle).phase is not JobPhase.RUNNING)
    return launcher.state(handle)


class Place(Protocol):
    target: Target

    def launcher(self) -> Launcher:
        """A new one, as a newly started app has."""
        ...

    def make_stubborn(self, run: Run) -> None:
        """Before its launch: it leaves only by force."""
        ...

    def finish(self, run: Run, exit_code: int) -> None:
        """Let it end by itself."""
        ...

    def has_saved(self, run: Run) -> bool: ...

    def leaves_by_force(self, state: JobState) -> bool: ...

    def wait_until_trained(self, run: Run) -> None:
        """Wait until the trainer is up and listens to signals."""
        ...


class FakePlace:
    target = Target.LOCAL

    def __init__(self) -> None:
        self.fake = FakeLauncher()
        self.stubborn: set[str] = set()

    def launcher(self) -> Launcher:
        return FakeLauncher(self.fake.jobs)

    def make_stubborn(self, run: Run) -> None:
        self.stubborn.add(run.id)

    def finish(self, run: Run, exit_code: int) -> None:
        self.fake.end(run, exit_code)

    def has_saved(self, run: Run) -> bool:
        return True in self.fake.job(run).stops

    def leaves_by_force(self, state: JobState) -> bool:
        return state == JobState(JobPhase.EXITED, -9)

    def wait_until_trained(self, run: Run) -> None:
        self.fake.job(run).stubborn = run.id in self.stubborn


@dataclass
class RealPlace:
    """Runs the stand-in trainer."""

    target: Target
    launcher: Callable[[], Launcher]
    killed_code: int
    """What the target calls a job that was killed."""

    def make_stubborn(self, run: Run) -> None:
        behave(run, ignore_signals=True)

    def finish(self, run: Run, exit_code: int) -> None:
        partial = run.folder / "finish.partial"
        partial.write_text(str(exit_code))
        partial.replace(run.folder / "finish")

    def has_saved(self, run: Run) -> bool:
        return (run.folder / "saved").exists()

    def leaves_by_force(self, state: JobState) -> bool:
        return state == JobState(JobPhase.EXITED, self.killed_code)

    def wait_until_trained(self, run: Run) -> None:
        seen(run)


def process_launcher(trainer_dir: Path) -> ProcessLauncher:
    return ProcessLauncher(trainer_dir, save_patience_seconds=3, leave_patience_seconds=1)


def make_trainer_dir(folder: Path) -> Path:
    """The stand-in trainer beside the real supervisor."""
    folder.mkdir(parents=True)
    shutil.copy(STAND_IN / "train.py", folder)
    shutil.copy(CHECKOUT / "trainer_image" / "supervisor.py", folder)
    return folder


def docker_launcher(data_dir: Path, **options: Any) -> DockerLauncher:
    patience = {"save_patience_seconds": 3, "leave_patience_seconds": 1}
    return DockerLauncher(data_dir, shared=stand_in_shared(), **{**patience, **options})


def stand_in_shared() -> list[Shared]:
    """The stand-in image holds no program: it runs the stand-in on this computer's Python."""
    folders = {"/usr", sys.prefix, sys.base_prefix, str(STAND_IN)}
    return [Shared(Path(folder), folder) for folder in sorted(folders)]
