"""What only containers have: images, names, GPUs, memory limits, and an engine that may not answer."""

import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import docker
import pytest
from docker.errors import NotFound
from docker.models.containers import Container
from docker.types import Mount

from app.adapters import docker_engine
from app.adapters.docker_launcher import DockerLauncher
from app.domain.errors import TargetError
from app.domain.runs import DockerOptions, JobHandle, JobPhase, JobState, Run
from tests.launchers.places import (
    Place,
    behave,
    docker_launcher,
    ended_state,
    make_run,
    next_attempt,
    seen,
    stand_in_shared,
)

TOKEN = "hf_" + "tunewrightTestToken1234567890"

pytestmark = pytest.mark.docker


@pytest.fixture
def run(docker_place: Place, new_run: Callable[[Place], Run]) -> Run:
    return new_run(docker_place)


@pytest.fixture
def launcher(docker_place: Place) -> DockerLauncher:
    launcher = docker_place.launcher()
    assert isinstance(launcher, DockerLauncher)
    return launcher


@pytest.fixture
def other_container(docker_client: docker.DockerClient, stand_in_image: str) -> Iterator[Container]:
    """Somebody else's."""
    mounts = [Mount(shared.target, str(shared.source), type="bind") for shared in stand_in_shared()]
    container = docker_client.containers.create(
        stand_in_image, ["--help"], name=f"other-{secrets.token_hex(6)}", mounts=mounts
    )
    yield container
    container.remove(force=True)


def options(run: Run, **changes: object) -> Run:
    return replace(run, docker=replace(run.docker, **changes))


def containers_of(client: docker.DockerClient, run: Run) -> list[Container]:
    return client.containers.list(all=True, filters={"label": f"tunewright.run_id={run.id}"})


def test_a_missing_image_is_not_pulled_but_explained(launcher, run, docker_client):
    with pytest.raises(TargetError, match=r"nope/nothing:1\.0 is not on this computer") as caught:
        launcher.launch(options(run, image="nope/nothing:1.0"), resume=False, secrets={})

    assert "scripts/build-trainer-image.sh" in caught.value.hint
    assert containers_of(docker_client, run) == []
    [problem] = launcher.problems(DockerOptions(image="nope/nothing:1.0"))
    assert "nope/nothing:1.0 is not on this computer" in problem


@pytest.mark.parametrize("name", ["Bad Name!!", ""])
def test_a_bad_image_name_is_explained(launcher, run, name):
    with pytest.raises(TargetError, match="not a valid image name"):
        launcher.launch(options(run, image=name), resume=False, secrets={})


def test_a_ready_engine_has_no_problems_and_says_so_quickly(launcher, run, stand_in_image):
    start = time.monotonic()

    assert launcher.problems(DockerOptions(image=stand_in_image)) == []

    assert time.monotonic() - start < 1


def test_a_name_that_another_container_has_is_explained(launcher, run, other_container, docker_client):
    with pytest.raises(TargetError, match="already is a container of that name") as caught:
        launcher.launch(options(run, container_name=other_container.name), resume=False, secrets={})

    assert "another container name" in caught.value.hint
    assert containers_of(docker_client, run) == []
    other_container.reload()


def test_a_bad_container_name_is_explained(launcher, run):
    with pytest.raises(TargetError, match="name is not allowed"):
        launcher.launch(options(run, container_name="bad name"), resume=False, secrets={})


def test_a_container_gets_the_name_it_was_given(launcher, run, docker_client):
    name = f"mine-{run.id}"

    handle = launcher.launch(options(run, container_name=name), resume=False, secrets={})

    assert docker_client.containers.get(name).id == handle
    launcher.stop(handle, save=False)


def test_a_gpu_that_docker_cannot_hand_over_is_explained_and_leaves_nothing(run, data_dir, docker_client):
    if "nvidia" in docker_client.info()["Runtimes"]:
        pytest.skip("this engine can hand a GPU over")
    launcher = docker_launcher(data_dir, gpus=lambda: ["a GPU"])

    with pytest.raises(TargetError, match="cannot hand the GPU") as caught:
        launcher.launch(options(run, use_gpu=True), resume=False, secrets={})

    assert "NVIDIA Container Toolkit" in caught.value.hint
    assert containers_of(docker_client, run) == []
    handle = launcher.launch(options(run, use_gpu=False), resume=False, secrets={})
    assert launcher.state(handle).phase is JobPhase.RUNNING
    launcher.stop(handle, save=False)


def test_without_a_gpu_the_run_goes_on_the_processor_and_the_log_says_so(run, data_dir):
    launcher = docker_launcher(data_dir, gpus=list)

    handle = launcher.launch(options(run, use_gpu=True), resume=False, secrets={})
    seen(run)
    launcher.stop(handle, save=True)
    launcher.sync_log(run, handle)

    log = run.log_path.read_text()
    assert log.startswith(
        "[tunewright] No NVIDIA GPU was found on this computer: training on the processor.\n"
    )
    assert "attempt 1 line 0" in log


def test_a_run_that_needs_too_much_memory_is_told_from_one_that_was_killed(run, data_dir):
    behave(run, hog=True)
    launcher = docker_launcher(data_dir, mem_limit="64m")

    handle = launcher.launch(run, resume=False, secrets={})

    assert ended_state(launcher, handle) == JobState(JobPhase.EXITED, 137, out_of_memory=True)


def test_a_container_removed_behind_our_back_is_gone(launcher, run, docker_client):
    handle = launcher.launch(run, resume=False, secrets={})
    seen(run)
    launcher.sync_log(run, handle)
    log = run.log_path.read_bytes()
    docker_client.containers.get(handle).remove(force=True)

    launcher.stop(handle, save=True)
    launcher.sync_log(run, handle)
    launcher.clean_up(handle)

    assert launcher.state(handle) == JobState(JobPhase.GONE)
    assert launcher.find(run) is None
    assert run.log_path.read_bytes() == log


def test_cleaning_up_removes_the_ended_container_but_no_running_one(launcher, run, docker_client):
    handle = launcher.launch(run, resume=False, secrets={})
    launcher.clean_up(handle)
    assert launcher.state(handle).phase is JobPhase.RUNNING
    launcher.stop(handle, save=False)

    launcher.clean_up(handle)

    assert containers_of(docker_client, run) == []


def test_cleaning_up_never_removes_somebody_elses_container(launcher, other_container):
    other_container.start()
    other_container.wait()

    launcher.clean_up(JobHandle(str(other_container.id)))

    other_container.reload()


def test_a_resume_keeps_the_log_of_the_container_it_replaces(launcher, run, docker_client):
    first = launcher.launch(run, resume=False, secrets={})
    seen(run)
    launcher.stop(first, save=True)  # and nobody copied the log

    second = launcher.launch(next_attempt(run), resume=True, secrets={})

    assert "attempt 1 end" in run.log_path.read_text()
    assert [container.id for container in containers_of(docker_client, run)] == [second]
    launcher.stop(second, save=False)


def test_a_launch_cut_short_before_the_start_is_not_found_and_does_not_block(launcher, run, docker_client):
    handle = launcher.launch(run, resume=False, secrets={})
    launcher.stop(handle, save=False)
    docker_client.containers.get(handle).remove()
    cut_short = docker_client.containers.create(
        run.docker.image,
        name=f"tunewright-{run.id}",
        labels={"tunewright.app": "1", "tunewright.run_id": run.id, "tunewright.attempt": "1"},
    )

    found = launcher.find(run)
    handle = launcher.launch(run, resume=False, secrets={})

    assert found is None
    assert launcher.find(run) == handle
    with pytest.raises(NotFound):
        cut_short.reload()
    launcher.stop(handle, save=False)


def test_a_frozen_container_can_be_stopped(launcher, run, docker_client):
    handle = launcher.launch(run, resume=False, secrets={})
    seen(run)
    docker_client.containers.get(handle).pause()
    assert launcher.state(handle).phase is JobPhase.RUNNING

    launcher.stop(handle, save=True)

    assert launcher.state(handle) == JobState(JobPhase.EXITED, 3)
    assert (run.folder / "saved").exists()


def test_the_token_is_handed_over_only_if_the_run_says_so(launcher, run):
    handle = launcher.launch(run, resume=False, secrets={"HF_TOKEN": TOKEN})
    found = seen(run)
    launcher.stop(handle, save=False)

    assert "HF_TOKEN" not in found["environment"]


def test_docker_shows_the_token_nowhere_but_in_the_environment(launcher, run, docker_client):
    run = options(run, pass_hf_token=True)
    handle = launcher.launch(run, resume=False, secrets={"HF_TOKEN": TOKEN})
    found = seen(run)

    shown = docker_client.api.inspect_container(handle)
    environment = shown["Config"].pop("Env")
    launcher.stop(handle, save=False)

    assert found["token_sha256"] == hashlib.sha256(TOKEN.encode()).hexdigest()
    assert f"HF_TOKEN={TOKEN}" in environment
    assert TOKEN not in json.dumps(shown)


def test_a_model_of_this_computer_is_seen_by_the_container(launcher, run, tmp_path):
    model = tmp_path / "my model"
    model.mkdir()
    (model / "config.json").touch()
    run = replace(run, config=run.config.model_copy(update={"base_model": str(model)}))

    handle = launcher.launch(run, resume=False, secrets={})
    found = seen(run)
    launcher.stop(handle, save=False)

    assert found["base_model_files"] == ["config.json"]


def test_a_run_folder_that_docker_does_not_see_is_refused(launcher, run, tmp_path):
    elsewhere = make_run(tmp_path / "elsewhere", run.id)

    with pytest.raises(TargetError, match="not in the data folder"):
        launcher.launch(elsewhere, resume=False, secrets={})


def test_a_run_can_have_a_data_folder_of_its_own(launcher, run, tmp_path):
    own = tmp_path / "own"
    moved = options(make_run(own / "outputs" / "r", run.id), data_dir=own)

    handle = launcher.launch(moved, resume=False, secrets={})
    found = seen(moved)
    launcher.stop(handle, save=False)

    assert "/data/outputs/r" in found["command"]


def test_an_offline_run_has_no_network_and_any_run_gets_shared_memory(launcher, run, docker_client):
    run = replace(run, config=run.config.model_copy(update={"offline": True}))

    handle = launcher.launch(run, resume=False, secrets={})
    found = seen(run)
    host = docker_client.api.inspect_container(handle)["HostConfig"]
    launcher.stop(handle, save=False)

    assert host["NetworkMode"] == "none"
    assert host["Init"]
    assert not host["AutoRemove"]
    assert found["shared_memory"] * 4096 > 64 * 1024**2


def test_the_engine_of_the_chosen_context_is_used(monkeypatch, tmp_path):
    name = "elsewhere"
    meta = tmp_path / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest()
    meta.mkdir(parents=True)
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    described = {
        "Name": name,
        "Metadata": {},
        "Endpoints": {"docker": {"Host": host, "SkipTLSVerify": False}},
    }
    (meta / "meta.json").write_text(json.dumps(described))
    (tmp_path / "config.json").write_text(json.dumps({"currentContext": name}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.delenv("DOCKER_HOST", raising=False)

    client = docker_engine.connect(3)

    assert client.ping()
    client.close()


def test_a_full_disk_is_a_problem(launcher, stand_in_image, monkeypatch):
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=200 * 1024**2))

    [problem] = launcher.problems(DockerOptions(image=stand_in_image))

    assert "Only 200 MB are free" in problem
