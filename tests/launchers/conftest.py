"""Places for the launcher tests. Those in containers need an engine: scripts/with-engine.sh gives one."""

import secrets
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import docker
import psutil
import pytest

from app.adapters import job_processes
from app.adapters.run_files import read_job
from app.domain.runs import Run, Target
from tests.docker_engine import docker_client, skeleton_image
from tests.launchers.places import (
    STAND_IN,
    STAND_IN_IMAGE,
    FakePlace,
    Place,
    RealPlace,
    docker_launcher,
    make_run,
    make_trainer_dir,
    process_launcher,
)
from tests.launchers.rented_place import POD, RentedPlace

__all__ = ["docker_client", "skeleton_image"]


@pytest.fixture(params=["fake", "process", "rented", pytest.param("docker", marks=pytest.mark.docker)])
def place(request: pytest.FixtureRequest) -> Place:
    return request.getfixturevalue(f"{request.param}_place")


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def real_place(request: pytest.FixtureRequest) -> Place:
    return request.getfixturevalue(f"{request.param}_place")


@pytest.fixture
def fake_place() -> Place:
    return FakePlace()


@pytest.fixture
def trainer_dir(tmp_path: Path) -> Path:
    return make_trainer_dir(tmp_path / "trainer")


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def runs_made() -> list[Run]:
    return []


@pytest.fixture
def process_place(trainer_dir: Path, runs_made: list[Run]) -> Iterator[Place]:
    yield RealPlace(Target.LOCAL, partial(process_launcher, trainer_dir), killed_code=-9)
    for run in runs_made:
        job_processes.kill(_processes_of(run), patience_seconds=10)


def _processes_of(run: Run) -> list[psutil.Process]:
    job = read_job(run.folder)
    if job is None:
        return []
    both = ((job.child_pid, job.child_started), (job.supervisor_pid, job.supervisor_started))
    return [found for pid, at in both if (found := job_processes.living(pid, at, job.folder))]


@pytest.fixture
def rented_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RentedPlace]:
    place = RentedPlace(tmp_path / "rented")
    for name, value in place.emulator.environment().items():  # Runpod's SDK asks nobody else
        monkeypatch.setenv(name, value)
    yield place
    place.close()


@pytest.fixture
def docker_place(
    data_dir: Path, stand_in_image: str, docker_client: docker.DockerClient, runs_made: list[Run]
) -> Iterator[Place]:
    yield RealPlace(Target.DOCKER, partial(docker_launcher, data_dir), killed_code=137)
    for run in runs_made:
        labelled = {"label": f"tunewright.run_id={run.id}"}
        for container in docker_client.containers.list(all=True, filters=labelled):
            container.remove(force=True)


@pytest.fixture(scope="session")
def stand_in_image(docker_client: docker.DockerClient, skeleton_image: str) -> str:
    """An image whose program is the stand-in trainer, as the real one's is train.py."""
    container = docker_client.containers.create(skeleton_image, ["nothing"])
    name, tag = STAND_IN_IMAGE.split(":")
    entry = f'ENTRYPOINT ["{sys.prefix}/bin/python", "{STAND_IN}/train.py"]'
    container.commit(name, tag, changes=[entry, "CMD []"])
    container.remove()
    return STAND_IN_IMAGE


@pytest.fixture
def new_run(data_dir: Path, runs_made: list[Run]) -> Callable[[Place], Run]:
    """Makes runs for a place, each with its folder; what of them still runs after the test is ended."""

    def make(place: Place) -> Run:
        run_id = secrets.token_hex(6)
        run = make_run(data_dir / "outputs" / f"run-{run_id}", run_id, target=place.target)
        run = replace(run, pod=POD)
        runs_made.append(run)
        return run

    return make
