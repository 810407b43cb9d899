"""Fixtures for tests that start containers: an engine, a skeleton image, and the trainer's real image.

A test module (or its folder's conftest) imports the fixtures it wants by name. `scripts/with-engine.sh` gives
tests an engine; outside CI a test is skipped, with the reason, where there is none, and in CI it fails.

Containers of the skeleton image run the checkout's code on this computer's own Python, which is mounted
read-only. That tests launching, logs, stopping and errors in a fraction of a second; it does not test the
image of Dockerfile.trainer.
"""

from __future__ import annotations

import io
import os
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import docker
import pytest
from docker.errors import DockerException
from docker.types import Mount

CHECKOUT = Path(__file__).resolve().parent.parent
SKELETON = "tunewright-skeleton:test"
STUDIO = "/opt/studio"
TRAIN = f"{STUDIO}/trainer_image/train.py"


@dataclass(frozen=True)
class HostPython:
    """What a skeleton container needs to run the checkout's train.py on this computer's Python."""

    mounts: list[Mount]
    environment: dict[str, str]
    command: list[str]
    """The beginning of the command line, ends with the path of train.py inside the container."""


@pytest.fixture(scope="session")
def docker_client() -> Iterator[docker.DockerClient]:
    """Connect to the engine of the environment (DOCKER_HOST)."""
    try:
        client = docker.from_env(timeout=60)
    except DockerException as error:
        _cannot(f"no Docker engine answers ({error}); run this under scripts/with-engine.sh")
    yield client
    client.close()


@pytest.fixture(scope="session")
def skeleton_image(docker_client: docker.DockerClient) -> str:
    """Import the skeleton image and return its name: folders, links, a passwd file; no program at all."""
    if sys.platform != "linux":
        pytest.skip("a Linux container cannot run this system's Python")
    docker_client.api.import_image_from_data(_skeleton(), *SKELETON.split(":"))
    return SKELETON


@pytest.fixture(scope="session")
def trainer_image(docker_client: docker.DockerClient) -> str:
    """Return the name of the CPU image that the test command built from Dockerfile.trainer."""
    name = os.environ.get("TUNEWRIGHT_TEST_IMAGE")
    if not name:
        _cannot(
            "TUNEWRIGHT_TEST_IMAGE names no image; make test builds it, or scripts/build-trainer-image.sh"
        )
    docker_client.images.get(name)
    return name


def host_python_mounts() -> HostPython:
    """Describe the mounts, the environment and the command that run train.py in a skeleton container."""
    folders = {
        "/usr": "/usr",
        sys.prefix: sys.prefix,
        str(CHECKOUT / "trainer_image"): f"{STUDIO}/trainer_image",
    }
    if not sys.base_prefix.startswith("/usr/") and sys.base_prefix != "/usr":
        folders[sys.base_prefix] = sys.base_prefix
    return HostPython(
        mounts=[Mount(target, source, type="bind", read_only=True) for source, target in folders.items()],
        environment={
            "PATH": f"{sys.prefix}/bin:/usr/bin:/bin",
            "PYTHONPATH": STUDIO,
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
            "HOME": "/tmp",
            "USER": "trainer",
            "HF_HOME": "/data/cache/huggingface",
        },
        command=[f"{sys.prefix}/bin/python", TRAIN],
    )


def _cannot(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def _skeleton() -> bytes:
    """A tar of folders to mount on, the merged-/usr links and the two files that make root a name."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for folder, mode in {"usr": 0o755, "etc": 0o755, "opt": 0o755, "data": 0o755, "tmp": 0o1777}.items():
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            tar.addfile(entry)
        for name in ("bin", "lib", "lib64"):  # sbin stays a folder: the engine puts its init process there
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, f"usr/{name}"
            tar.addfile(entry)
        for name, text in {"passwd": "root:x:0:0::/tmp:/bin/sh\n", "group": "root:x:0:\n"}.items():
            entry = tarfile.TarInfo(f"etc/{name}")
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()
