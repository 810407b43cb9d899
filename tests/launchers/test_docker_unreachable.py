"""An engine that is not there, not running, or does not answer. Needs none."""

import socket
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import docker
import pytest

from app.adapters.docker_launcher import DockerLauncher
from app.domain.errors import TargetError
from app.domain.runs import DockerOptions, JobHandle
from tests.launchers.places import make_run


@pytest.fixture
def sockets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("s")  # an address may have 107 characters


@pytest.fixture
def frozen(sockets: Path) -> Iterator[Path]:
    """An engine that takes calls and never answers."""
    path = sockets / "frozen.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        yield path


@pytest.fixture
def dead(sockets: Path) -> Path:
    """The socket that an engine left behind."""
    path = sockets / "dead.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
    return path


def launcher_at(path: Path, data_dir: Path) -> DockerLauncher:
    def connect(timeout_seconds: int) -> docker.DockerClient:
        return docker.DockerClient(base_url=f"unix://{path}", timeout=timeout_seconds)

    return DockerLauncher(data_dir, connect=connect, timeout_seconds=1)


def calls(launcher: DockerLauncher, data_dir: Path) -> list[Callable[[], object]]:
    run = make_run(data_dir / "outputs" / "r", "0a1b")
    handle = JobHandle("0a1b")
    return [
        partial(launcher.launch, run, resume=False, secrets={}),
        partial(launcher.find, run),
        partial(launcher.state, handle),
        partial(launcher.stop, handle, save=True),
        partial(launcher.sync_log, run, handle),
        partial(launcher.clean_up, handle),
    ]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "not installed or not running"),
        ("dead", "Docker is not running"),
        ("frozen", "Docker does not answer"),
    ],
)
def test_every_call_says_what_is_wrong_with_the_engine(kind, message, sockets, dead, frozen, data_dir):
    path = {"missing": sockets / "none.sock", "dead": dead, "frozen": frozen}[kind]
    launcher = launcher_at(path, data_dir)

    for call in calls(launcher, data_dir):
        with pytest.raises(TargetError, match=message) as caught:
            call()
        assert caught.value.hint


def test_a_stop_that_no_engine_heard_is_not_passed_on(dead, data_dir):
    told = list[str]()

    with pytest.raises(TargetError):
        launcher_at(dead, data_dir).stop(JobHandle("0a1b"), save=True, passed_on=lambda: told.append("it"))

    assert not told


def test_an_engine_that_does_not_answer_is_a_problem_within_seconds(frozen, data_dir):
    start = time.monotonic()

    [problem] = launcher_at(frozen, data_dir).problems(DockerOptions())

    assert problem.startswith("Docker does not answer.")
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("host", ["garbage://x", "ssh://x", "http://127.0.0.1:x", "tcp://none.invalid:1"])
def test_a_nonsense_docker_host_is_explained(data_dir, monkeypatch, host):
    monkeypatch.setenv("DOCKER_HOST", host)

    [problem] = DockerLauncher(data_dir).problems(DockerOptions())

    assert "DOCKER_HOST" in problem
