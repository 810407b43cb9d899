"""The scripts that bring an engine, a base and an image: they parse, and say in one line what is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import docker
import pytest

from tests.docker_engine import CHECKOUT, host_python_mounts

SCRIPTS = sorted((CHECKOUT / "scripts").glob("*.sh"))
NOT_HERE = 75


def run(script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Start a script with nothing of this process's environment but what is given."""
    command = ["/bin/bash", str(CHECKOUT / "scripts" / script), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def few_programs(tmp_path: Path) -> str:
    """A PATH with the everyday programs of any system and neither Docker nor a package manager."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in (
        "bash",
        "sh",
        "dirname",
        "realpath",
        "uname",
        "id",
        "sed",
        "timeout",
        "mkdir",
        "cat",
        "grep",
        "cut",
    ):
        (folder / name).symlink_to(shutil.which(name) or pytest.fail(f"{name} is missing"))
    return str(folder)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_parses_and_can_be_started(script: Path):
    assert subprocess.run(["/bin/bash", "-n", script], check=False).returncode == 0
    assert os.access(script, os.X_OK)


def test_without_an_engine_one_line_says_what_is_missing(few_programs: str, tmp_path: Path):
    result = run(
        "with-engine.sh", "--work", str(tmp_path / "work"), "--", "echo", "started", PATH=few_programs
    )

    assert result.returncode == NOT_HERE
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert "no Docker engine" in result.stderr


def test_with_engine_wants_a_command(few_programs: str):
    result = run("with-engine.sh", PATH=few_programs)

    assert result.returncode == 64
    assert "with-engine.sh [--work DIR] -- COMMAND" in result.stderr


def test_a_base_is_refused_where_there_are_no_debian_packages(few_programs: str, tmp_path: Path):
    result = run("base-image.sh", str(tmp_path / "root"), "/usr", PATH=few_programs)

    assert result.returncode == NOT_HERE
    assert "no Debian" in result.stderr
    assert not (tmp_path / "root").exists()


def test_building_without_docker_says_so(few_programs: str):
    result = run("build-trainer-image.sh", "--cpu", PATH=few_programs)

    assert result.returncode == 1
    assert "the docker command is missing" in result.stderr


@pytest.mark.docker
def test_the_skeleton_runs_this_computers_python_and_packages(
    docker_client: docker.DockerClient, skeleton_image: str
):
    host = host_python_mounts()
    python = host.command[0]
    code = "import os, pydantic, trainer_image.config as c; print(c.__file__, os.getuid())"

    answer = docker_client.containers.run(
        skeleton_image,
        [python, "-c", code],
        mounts=host.mounts,
        environment=host.environment,
        user="12345:12345",
        init=True,
        remove=True,
    )

    assert answer.decode().split()[:2] == ["/opt/studio/trainer_image/config.py", "12345"]
