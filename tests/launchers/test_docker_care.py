"""What a person asks of a real engine: build, look, test the GPU, tidy up."""

import http.client
import secrets
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from app.adapters.docker_care import LocalDockerCare
from app.adapters.docker_stream import follow_build, follow_pull
from app.domain.docker_care import BuildFailedError, CareCancelledError, CareProgress
from app.domain.errors import StudioError, TargetError, UnknownRunError
from app.domain.runs import RunStatus
from app.domain.stopping import Stop
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
        LocalDockerCare(checkout, version="9.9"), Runs(*runs), offline, lambda: gpus, os_release, checkout
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
            act("owner/name:cpu", lambda _: None)


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

    follow_pull((item for item in items), told.append, "py:3.11")

    assert [(p.done, p.total) for p in told] == [(0, 0), (10, 100), (60, 200), (150, 200), (150, 200)]
    assert told[-1].share == 0.75


def test_a_pull_that_breaks_midway_is_a_sentence():
    broken = {
        "errorDetail": {"message": "x"},
        "error": "filesystem layer verification failed for digest sha256:0",
    }

    with pytest.raises(TargetError, match="arrived damaged"):
        follow_pull((item for item in [broken]), lambda _: None, "py:3.11")


PIP_FAILED = """Step 5/9 : RUN pip install torch
 ---> Running in 1f2e3d4c5b6a
Looking in indexes: a package index
\x1b[91mERROR: Could not find a version that satisfies the requirement torch==2.9 (from versions: none)
\x1b[0m\x1b[91mERROR: No matching distribution found for torch==2.9
\x1b[0m
Removing intermediate container 1f2e3d4c5b6a
"""
SHELL = "The command '/bin/sh -c set -eu; if [ \"$VARIANT\" = cuda ]; then pip install torch; fi' returned"


def failed(printed: str, error: str) -> BuildFailedError:
    items = [{"stream": line} for line in printed.splitlines(keepends=True)] + [{"error": error}]
    with pytest.raises(BuildFailedError) as refused:
        follow_build((item for item in items), lambda _: None)
    return refused.value


def test_a_failed_build_says_what_pip_said_and_not_the_shell_code():
    refused = failed(PIP_FAILED, f"{SHELL} a non-zero code: 1")

    assert refused.message == (
        "The image could not be built: Could not find a version that satisfies the requirement torch==2.9 "
        "(from versions: none) No matching distribution found for torch==2.9."
    )
    assert "Without network" in refused.hint
    assert "Looking in indexes" in refused.log
    assert "\x1b" not in refused.log


@pytest.mark.parametrize(
    ("printed", "error", "said"),
    [
        (
            "Step 2/3 : RUN x\nE: Unable to locate package libgomp9\n",
            f"{SHELL} a non-zero code: 100",
            "locate package libgomp9",
        ),
        (
            "Step 1/3 : RUN a\nERROR: an old one\nStep 2/3 : RUN x\nhalf\nSegmentation fault\n",
            f"{SHELL} a non-zero code: 139",
            "built: half Segmentation fault.",
        ),
        ("Step 2/3 : RUN x\n", f"{SHELL} a non-zero code: 7", "a step ended with code 7"),
        ("", "COPY failed: no source files were specified", "COPY failed: no source files"),
        (
            "Step 2/21 : FROM ${BASE} AS packages\n",
            'Get "https://registry/v2/": dial tcp: lookup registry on 10.0.0.1:53: no such host',
            "could not be built. The image's registry cannot be reached.",
        ),
    ],
    ids=["apt", "the last lines", "silent", "not a step", "no registry"],
)
def test_every_failed_build_has_a_reason(printed, error, said):
    assert said in failed(printed, error).message


class SilentEngine(socketserver.ThreadingTCPServer):
    """Answers a build with one line and then nothing; `left` is set when the connection is gone."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Silent)
        self.left = threading.Event()


class _Silent(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        headers = http.client.parse_headers(self.rfile) if self.rfile.readline() else {}
        self.rfile.read(int(headers["Content-Length"]))
        item = b'{"stream":"Step 1/9"}\r\n'
        self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        self.wfile.write(b"%x\r\n%s\r\n" % (len(item), item))
        self.rfile.read()
        self.server.left.set()  # type: ignore[attr-defined]


def test_a_build_in_which_nothing_is_said_is_ended_at_once(checkout):
    stop, is_silent = Stop(), threading.Event()
    with SilentEngine() as engine:
        threading.Thread(target=engine.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        address = f"tcp://127.0.0.1:{engine.server_address[1]}"
        care = LocalDockerCare(
            checkout, version="9", connect=lambda _: docker.DockerClient(address, version="1.41", timeout=20)
        )

        def stop_when_silent() -> None:
            is_silent.wait()
            stop.stop()

        threading.Thread(target=stop_when_silent, daemon=True).start()
        with pytest.raises(CareCancelledError):
            care.build("x:cpu", "cpu", lambda _: is_silent.set() if _.text == "Step 1/9" else None, stop)

        assert engine.left.wait(10)
        engine.shutdown()


def test_an_image_without_a_registry_is_not_pulled(checkout):
    with pytest.raises(TargetError, match="names no registry"):
        care_of(checkout).pull("tunewright-trainer:cuda", lambda _: None)
