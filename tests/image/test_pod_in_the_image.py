"""The built image as Runpod starts it: the supervisor as first process, the volume at /workspace."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container
from docker.types import Mount

from app.adapters.runpod.agent import PodAgent, PodUnreachableError
from app.adapters.runpod.agent_mirror import RunMirror
from app.adapters.runpod.agent_transfer import Fetcher, manifest, sha256_of, upload
from tests.trainer import tiny

pytestmark = [pytest.mark.docker, pytest.mark.training]
TOKEN = "the-token-of-this-run"


@pytest.fixture
def port() -> int:
    with socket.socket() as its:
        its.bind(("127.0.0.1", 0))
        return its.getsockname()[1]


@pytest.fixture
def container(
    docker_client: docker.DockerClient, trainer_image: str, port: int, tmp_path: Path
) -> Iterator[Container]:
    """Begun again when its first process ends, as there. On the host's network: a private engine has none."""
    volume = tmp_path / "volume"
    volume.mkdir()
    found = docker_client.containers.run(
        trainer_image,
        detach=True,
        network_mode="host",
        restart_policy={"Name": "always"},
        user=f"{os.getuid()}:{os.getgid()}",
        mounts=[Mount("/workspace", str(volume), type="bind")],
        environment={
            "STUDIO_RUN_ID": "7f3c",
            "STUDIO_TOKEN_SHA256": hashlib.sha256(TOKEN.encode()).hexdigest(),
            "STUDIO_HOST": "127.0.0.1",
            "STUDIO_PORT": str(port),
        },
    )
    yield found
    found.remove(force=True)


def test_the_image_is_a_pod_that_trains_and_gives_back_what_it_made(
    container: Container, port: int, tmp_path: Path
):
    model = tiny.save_model(tmp_path / "model")
    here = tiny.make_run(tmp_path / "here", "model")
    with PodAgent(f"http://127.0.0.1:{port}", TOKEN) as agent:
        waited_for(lambda: is_there(agent), container)
        first = container.exec_run(["cat", "/proc/1/cmdline"]).output.decode().split("\0")
        for file in model.iterdir():
            upload(agent, f"model/{file.name}", file)
        upload(agent, "data/train.jsonl", here / "data" / "train.jsonl")
        agent.start(1, json.loads((here / "config.json").read_text()), secrets={})
        waited_for(lambda: agent.health(patient=True).phase == "ended", container)
        health = agent.health()
        RunMirror(here).bring_up_to_date(agent)
        offered = manifest(agent, wait_seconds=20)
        Fetcher(agent, here).fetch(offered)
        container.restart(timeout=5)
        waited_for(lambda: is_there(agent), container)
        again = agent.health(patient=True)

    assert first[:5] == ["python", "-u", "-P", "-m", "trainer_image.pod"]
    assert (health.outcome, health.exit_code) == ("finished", 0), (here / "log.txt").read_text()
    assert offered.complete
    assert all(sha256_of(here / file.path) == file.sha256 for file in offered.files)
    assert tiny.load_weights(here / "output")
    assert (again.phase, again.outcome, again.boots) == ("ended", "finished", 2)


def is_there(agent: PodAgent) -> bool:
    try:
        return bool(agent.health().boots)
    except PodUnreachableError:
        return False


def waited_for(condition, container: Container) -> None:
    end = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < end, container.logs().decode()[-3000:]
        time.sleep(0.2)
