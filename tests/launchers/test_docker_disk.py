"""The disk that Docker keeps images on, seen by a person who may not enter its folder."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.adapters.docker_disk import free_bytes, kind_of
from tests.docker_engine import CHECKOUT

UNIX = "http+docker://localhost"
HERE = {"KernelVersion": platform.release(), "DockerRootDir": "/var/lib/docker"}
NOBODY = 65534
ASKS = "import sys; from app.adapters.docker_disk import free_bytes; print(free_bytes(sys.argv[1], 'system'))"
MOUNTS = 'mount -t tmpfs -o size=7340032,mode=0710 none "$1" && shift && exec "$@"'
"""In a namespace of its own: nobody else sees the mount, and it ends with the command."""


def by_nobody(folder: Path, *before: str) -> str:
    """What a person is told who may not enter the folder."""
    command = ["setpriv", f"--reuid={NOBODY}", "--clear-groups", sys.executable, "-c", ASKS, str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "HOME": "/nowhere"}
    done = subprocess.run([*before, *command], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def root_only(tmp_path: Path) -> Path:
    """As /var/lib/docker, which everybody may name and only root may enter."""
    if os.getuid() != 0:
        pytest.skip("only root can play somebody else")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.name.startswith(("test_", "pytest-", "popen-")):
            folder.chmod(0o755)
    folder = tmp_path / "docker"
    folder.mkdir(mode=0o710)
    return folder


def test_a_disk_mounted_on_a_folder_that_one_may_not_enter_is_the_one_that_counts(root_only: Path) -> None:
    if not os.environ.get("CI") and subprocess.run(["unshare", "--mount", "true"], check=False).returncode:
        pytest.skip("this system lets nobody mount anything")
    mounted = by_nobody(root_only, "unshare", "--mount", "sh", "-c", MOUNTS, "sh", str(root_only))

    assert int(mounted) <= 7340032


def test_below_a_folder_that_one_may_not_enter_the_disk_is_that_of_the_mount(root_only: Path) -> None:
    inside = root_only / "100000.100000"
    inside.mkdir()

    seen = by_nobody(inside)

    assert abs(int(seen) - shutil.disk_usage(inside).free) < 1 << 30


def test_a_folder_that_is_not_here_has_no_disk_here() -> None:
    assert free_bytes("/var/lib/docker-of-another-computer", "system") is None


@pytest.mark.parametrize(
    ("info", "address", "kind"),
    [
        ({}, UNIX, "system"),
        ({"SecurityOptions": ["name=seccomp,profile=builtin", "name=rootless"]}, UNIX, "rootless"),
        ({"DockerRootDir": "/var/snap/docker/common/var-lib-docker"}, UNIX, "snap"),
        ({"OperatingSystem": "Docker Desktop"}, UNIX, "desktop"),
        ({}, "http://192.0.2.1:2375", "elsewhere"),
        ({}, "http+docker://ssh", "elsewhere"),
        ({"KernelVersion": "6.6.0-in-a-virtual-machine"}, UNIX, "elsewhere"),
    ],
)
def test_which_docker_it_is(info: dict, address: str, kind: str) -> None:
    assert kind_of({**HERE, **info}, address) == kind


@pytest.mark.parametrize("kind", ["desktop", "elsewhere"])
def test_the_disk_of_a_docker_elsewhere_is_never_this_computers(tmp_path: Path, kind) -> None:
    assert free_bytes(str(tmp_path), kind) is None


def test_where_no_mount_is_told_nothing_is_said_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in some containers, whose list of mounts is empty."""

    def forbidden(_: str) -> None:
        raise PermissionError

    monkeypatch.setattr("shutil.disk_usage", forbidden)
    monkeypatch.setattr("psutil.disk_partitions", lambda **_: [])

    assert free_bytes(str(tmp_path), "system") is None
