"""The emulator, and a client of it that does not wait."""

from collections.abc import Callable
from time import monotonic, sleep

import pytest

from app.adapters.environment_secrets import EnvironmentSecrets
from app.adapters.runpod.client import RunpodClient
from app.adapters.runpod.places import places
from app.domain.runpod_ports import PodOrder
from tests.docker_engine import docker_client, skeleton_image  # noqa: F401 - fixtures
from tests.emulators.runpod import Image, RunpodEmulator

GPU = "NVIDIA GeForce RTX 4090"
SAYS_AND_STAYS = Image(["{python}", "-uc", "print('hello'); print('world'); import time; time.sleep(1000)"])


@pytest.fixture
def cloud(tmp_path, monkeypatch):
    with RunpodEmulator(tmp_path / "runpod", images={"trainer": SAYS_AND_STAYS}) as emulator:
        for name, value in emulator.environment().items():
            monkeypatch.setenv(name, value)
        yield emulator


@pytest.fixture
def paused() -> list[float]:
    """For how long the client wanted to wait."""
    return []


@pytest.fixture
def client(cloud: RunpodEmulator, paused: list[float]) -> RunpodClient:
    return client_of(cloud, paused.append)


def client_of(
    cloud: RunpodEmulator, pause: Callable[[float], None] = lambda _: None, key: str = ""
) -> RunpodClient:
    environment = cloud.environment() | ({"RUNPOD_API_KEY": key} if key else {})
    return RunpodClient(EnvironmentSecrets(environment), where=lambda: places(environment), pause=pause)


def order(name: str = "tunewright-a", **more: object) -> PodOrder:
    return PodOrder(name, "trainer:1", GPU, **more)  # type: ignore[arg-type]


def waited_for(condition: Callable[[], object], seconds: float = 30) -> object:
    """What it comes to, as soon as it is true."""
    end = monotonic() + seconds
    while not (value := condition()):
        assert monotonic() < end, "it did not become true"
        sleep(0.01)
    return value
