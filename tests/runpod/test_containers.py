"""A pod as a real container, where an engine runs: what the emulator does with processes holds there too."""

from contextlib import closing
from hashlib import sha256

import httpx
import pytest

from tests.docker_engine import STUDIO, host_python_mounts
from tests.emulators.runpod import Image, RunpodEmulator
from tests.runpod.conftest import client_of, order, waited_for

pytestmark = pytest.mark.docker

WRITES = (
    "import os; print(os.environ['RUNPOD_POD_ID'], os.environ['ODD']); "
    "file = open('/workspace/kept', 'a'); file.write('x'); file.flush(); import time; time.sleep(1000)"
)


def test_a_pod_is_a_container_that_begins_again_and_leaves_nothing_but_its_volume(
    tmp_path, docker_client, skeleton_image
):
    python = host_python_mounts()
    image = Image([python.command[0], "-uc", WRITES], python.environment, skeleton_image, python.mounts)
    with RunpodEmulator(tmp_path, images={"trainer": image}) as cloud:
        client = client_of(cloud)
        volume = client.create_volume("v", size_gb=10, region="EU-RO-1")
        pod = client.create_pod(
            order(region="EU-RO-1", volume_id=volume.id, environment={"ODD": "a b"}, mount_path="/workspace")
        )
        with closing(client.log(pod.id, source="container")) as log:
            assert next(log).text == f"{pod.id} a b"
        held, kept = cloud.account.pods[pod.id], cloud.account.volumes[volume.id].folder / "kept"
        waited_for(lambda: kept.exists() and kept.read_text() == "x")

        held.kill_container()
        waited_for(lambda: kept.read_text() == "xx")
        client.terminate_pod(pod.id)

        assert held.starts == 2
        assert not docker_client.containers.list(
            all=True, filters={"label": f"tunewright.emulated-pod={pod.id}"}
        )


def test_the_images_own_entry_point_starts_the_supervisor_in_a_container(
    tmp_path, docker_client, skeleton_image
):
    """With this computer's Python, but by the very script that the image starts."""
    python, token = host_python_mounts(), "a token"
    here = {"STUDIO_PORT": "{port:8080}", "STUDIO_HOST": "127.0.0.1"}
    start = ["/usr/bin/sh", f"{STUDIO}/trainer_image/start.sh"]
    image = Image(start, python.environment | here, skeleton_image, python.mounts)
    told = {"STUDIO_RUN_ID": "7f3c", "STUDIO_TOKEN_SHA256": sha256(token.encode()).hexdigest()}
    with RunpodEmulator(tmp_path, images={"trainer": image}) as cloud:
        client = client_of(cloud)
        volume = client.create_volume("v", size_gb=10, region="EU-RO-1")
        pod = client.create_pod(
            order(region="EU-RO-1", volume_id=volume.id, environment=told, ports=("8080/http",))
        )

        def health():
            asked = {"Authorization": f"Bearer {token}"}
            answer = httpx.get(f"{client.address(pod.id, 8080)}/v1/health", headers=asked, timeout=20)
            told = answer.json() if answer.status_code == 200 else {}
            return told if told.get("can_self_terminate") is not None else None

        found = waited_for(health, 60)
        assert (found["run_id"], found["phase"], found["can_self_terminate"]) == ("7f3c", "waiting", True)
        assert (cloud.account.volumes[volume.id].folder / "runs/7f3c").is_dir()
