"""What a person asks of a real engine: build, look, test the GPU, tidy up."""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from app.adapters.docker_care import LocalDockerCare, _follow_pull
from app.domain.docker_care import CareCancelledError, CareProgress
from app.domain.errors import StudioError, TargetError, UnknownRunError
from app.domain.runs import RunStatus
from app.services import docker_care
from app.services.docker_care import DockerCareService, described
from app.services.offline import OfflineService
from tests.docker_engine import SKELETON
from tests.fakes import FakeNetwork

GPU = ("NVIDIA of a test",)
"""The engine here has no GPU to hand over; that the driver sees one is all that is claimed."""


class Switch:
    """The settings' part of offline mode."""

    is_offline = False
    proxy = ""


class Runs:
    def __init__(self, *runs) -> None:
        self.runs = {run.id: run for run in runs}

    def get(self, run_id):
        if run_id not in self.runs:
            raise UnknownRunError(f"There is no run {run_id}.")
        return self.runs[run_id]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A recipe that needs nobody's network."""
    (tmp_path / "trainer_image" / "__pycache__").mkdir(parents=True)
    (tmp_path / "trainer_image" / "train.py").write_text("print('here')\n")
    (tmp_path / "trainer_image" / "__pycache__" / "train.pyc").write_text("no")
    (tmp_path / "Dockerfile.trainer").write_text(
        f"FROM {SKELETON}\nARG VARIANT=cuda\nCOPY trainer_image /opt/studio/trainer_image\n"
    )
    return tmp_path


@pytest.fixture
def name(docker_client: docker.DockerClient) -> Iterator[str]:
    name = f"tunewright-care-{secrets.token_hex(4)}:cpu"
    yield name
    if docker_client.images.list(name=name):
        docker_client.images.remove(name, force=True)


def care_of(checkout: Path, *runs, switch: Switch | None = None, gpus=GPU) -> DockerCareService:
    os_release = checkout / "os-release"
    os_release.write_text('ID=linuxmint\nID_LIKE="ubuntu debian"\n')
    offline = OfflineService(switch or Switch(), FakeNetwork())
    return DockerCareService(
        LocalDockerCare(checkout, version="9.9"), Runs(*runs), offline, lambda: gpus, os_release
    )


@pytest.mark.docker
def test_an_image_is_built_in_one_go_and_says_what_it_is(checkout, skeleton_image, name, monkeypatch):
    monkeypatch.setitem(docker_care.BUILD_SPACE, "cpu", 1)
    care, told = care_of(checkout), []
    before = care.image(name)

    image = care.build(name, told.append)

    assert before is None
    assert (image.variant, image.version) == ("cpu", "9.9")
    assert image.size_bytes > 0
    assert "of version 9.9" in described(image)
    assert any("COPY trainer_image" in progress.text for progress in told)


@pytest.mark.docker
def test_a_build_that_fails_or_is_cancelled_leaves_no_image(checkout, skeleton_image, name, monkeypatch):
    monkeypatch.setitem(docker_care.BUILD_SPACE, "cpu", 1)
    care = care_of(checkout)

    def stop(progress: CareProgress) -> None:
        raise CareCancelledError

    with pytest.raises(CareCancelledError):
        care.build(name, stop)
    (checkout / "Dockerfile.trainer").write_text(f"FROM {SKELETON}\nCOPY nothing /there\n")
    with pytest.raises(TargetError, match="could not be built"):
        care.build(name, lambda _: None)

    assert care.image(name) is None


@pytest.mark.docker
def test_a_full_disk_is_said_before_anything_is_begun(checkout, name, docker_client, monkeypatch):
    monkeypatch.setitem(docker_care.BUILD_SPACE, "cpu", 1 << 60)

    with pytest.raises(StudioError, match="where Docker keeps images"):
        care_of(checkout).build(name, lambda _: None)


@pytest.mark.docker
def test_a_gpu_that_docker_cannot_hand_over_comes_with_the_commands_of_this_system(checkout, skeleton_image):
    verdict = care_of(checkout).test_gpu(skeleton_image)

    assert not verdict.works
    assert "cannot hand the GPU to a container" in verdict.text
    assert verdict.commands[-1] == "sudo systemctl restart docker"
    assert any("apt-get install -y nvidia-container-toolkit" in line for line in verdict.commands)


@pytest.mark.docker
def test_what_runs_left_is_found_explained_and_removed_and_nothing_else(
    checkout, skeleton_image, docker_client, docker_place, new_run
):
    ended = replace(new_run(docker_place), status=RunStatus.FINISHED)
    going = replace(new_run(docker_place), status=RunStatus.RUNNING)
    made = {
        run_id: docker_client.containers.create(
            skeleton_image, ["x"], labels={"tunewright.app": "1", "tunewright.run_id": run_id}
        )
        for run_id in (ended.id, going.id, "deleted")
    }
    other = docker_client.containers.create(skeleton_image, ["x"])
    care = care_of(checkout, ended, going)
    try:
        left = {
            each.container.run_id: each.text for each in care.leftovers() if each.container.run_id in made
        }
        removed = care.clean([str(container.id) for container in [*made.values(), other]])
        still = {c.id for c in docker_client.containers.list(all=True)}
    finally:
        for container in [*made.values(), other]:
            if docker_client.containers.list(all=True, filters={"id": container.id}):
                container.remove(force=True)

    assert set(left) == {ended.id, "deleted"}
    assert "was deleted" in left["deleted"]
    assert ended.name in left[ended.id]
    assert removed == 2
    assert {made[going.id].id, other.id} <= still


def test_offline_nothing_is_built_or_pulled(checkout):
    switch = Switch()
    switch.is_offline = True
    care = care_of(checkout, switch=switch)

    for act in (care.build, care.pull):
        with pytest.raises(StudioError, match="needs the network"):
            act("name:cpu", lambda _: None)


def test_without_a_gpu_no_container_is_started(checkout):
    verdict = care_of(checkout, gpus=()).test_gpu("no/such:image")

    assert not verdict.works
    assert "no NVIDIA GPU" in verdict.text


def test_a_pull_says_how_much_is_there():
    """Items as engines 20.10 to 28.5 send them."""
    told: list[CareProgress] = []
    items = [
        {"status": "Pulling from py", "id": "3.11"},
        {"status": "Downloading", "id": "a", "progressDetail": {"current": 10, "total": 100}},
        {"status": "Downloading", "id": "b", "progressDetail": {"current": 50, "total": 100}},
        {"status": "Download complete", "id": "a", "progressDetail": {}},
        {"status": "Status: Downloaded newer image"},
    ]

    _follow_pull((item for item in items), told.append, "py:3.11")

    assert [(p.done, p.total) for p in told] == [(0, 0), (10, 100), (60, 200), (150, 200), (150, 200)]
    assert told[-1].share == 0.75


def test_a_pull_that_breaks_midway_is_a_sentence():
    broken = {
        "errorDetail": {"message": "x"},
        "error": "filesystem layer verification failed for digest sha256:0",
    }

    with pytest.raises(TargetError, match="arrived damaged"):
        _follow_pull((item for item in [broken]), lambda _: None, "py:3.11")
