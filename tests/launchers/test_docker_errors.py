"""Every way in which Docker is known to fail becomes a sentence and a way out. Texts as recorded."""

import pytest
import requests
import urllib3
from docker.errors import APIError, DockerException, ImageNotFound, NotFound, TLSParameterError

from app.adapters.docker_errors import translate

VERSION = "Error while fetching server API version: "
HOOK = "OCI runtime create failed: error running prestart hook #0: nvidia-container-cli:"
POOL = "UnixHTTPConnectionPool(host='localhost', port=None): Read timed out. (read timeout=2)"


def api(explanation: str, kind: type[APIError] = APIError) -> APIError:
    return kind("500 Server Error for http+docker://localhost/v1.41/containers/0a1b", None, explanation)


RECORDED = [
    (
        DockerException(
            VERSION + "('Connection aborted.', FileNotFoundError(2, 'No such file or directory'))"
        ),
        "not installed or not running",
        "docs.docker.com",
    ),
    (
        DockerException(
            VERSION + "('Connection aborted.', ConnectionRefusedError(111, 'Connection refused'))"
        ),
        "Docker is not running",
        "systemctl start docker",
    ),
    (
        DockerException(VERSION + "('Connection aborted.', PermissionError(13, 'Permission denied'))"),
        "may not talk to Docker",
        "group docker",
    ),
    (
        DockerException(
            VERSION
            + "HTTPConnectionPool(host='127.0.0.1', port=2375): Max retries exceeded with url: /version "
            "(Caused by NewConnectionError('...: Failed to establish a new connection: [Errno 111] "
            "Connection refused'))"
        ),
        "Docker is not running",
        "Start Docker",
    ),
    (DockerException(VERSION + POOL), "does not answer", "restart Docker"),
    (requests.exceptions.ReadTimeout(POOL), "does not answer", "restart Docker"),
    (requests.exceptions.ConnectionError(POOL), "does not answer", "restart Docker"),
    (
        requests.exceptions.ConnectionError(
            "('Connection aborted.', FileNotFoundError(2, 'No such file or directory'))"
        ),
        "not installed or not running",
        "start it",
    ),
    (
        requests.exceptions.ConnectionError(
            "('Connection aborted.', ConnectionResetError(104, 'Connection reset by peer'))"
        ),
        "connection to Docker broke off",
        "restarted",
    ),
    (
        requests.exceptions.ChunkedEncodingError("Response ended prematurely"),
        "connection to Docker broke off",
        "restarted",
    ),
    (
        urllib3.exceptions.ProtocolError("Connection broken: ConnectionResetError(104)"),
        "broke off",
        "restart",
    ),
    (
        DockerException("Invalid bind address protocol: garbage://x"),
        "settings in the environment",
        "DOCKER_HOST",
    ),
    (
        DockerException("Install paramiko package to enable ssh:// support"),
        "settings in the environment",
        "DOCKER_HOST",
    ),
    (
        TLSParameterError(
            "Path to a certificate and key files must be provided through the client_cert param."
        ),
        "settings in the environment",
        "DOCKER_TLS_VERIFY",
    ),
    (
        api('could not select device driver "" with capabilities: [[gpu]]'),
        "cannot hand the GPU",
        "NVIDIA Container Toolkit",
    ),
    (api("Unknown runtime specified nvidia"), "cannot hand the GPU", "nvidia-ctk"),
    (api("unknown or invalid runtime name: nvidia"), "cannot hand the GPU", "nvidia-ctk"),
    (api("failed to discover GPU vendor from CDI: no known GPU vendor found"), "cannot hand the GPU", "ctk"),
    (
        api(f"{HOOK} initialization error: nvml error: driver/library version mismatch: unknown"),
        "driver was updated",
        "Restart the computer",
    ),
    (
        api(f"{HOOK} requirement error: unsatisfied condition: cuda>=12.8, please update your driver"),
        "too old for the image trainer:x",
        "Update the driver",
    ),
    (api(f"{HOOK} initialization error: nvml error: driver not loaded"), "no working NVIDIA", "nvidia-smi"),
    (
        api(f"{HOOK} initialization error: WSL environment detected but no adapters were found: unknown"),
        "no adapters were found",
        "nvidia-smi",
    ),
    (
        api("could not inject CDI devices: unresolvable CDI devices nvidia.com/gpu=all"),
        "which GPUs there are",
        "cdi generate",
    ),
    (
        api('OCI runtime create failed: exec: "nvidia-smi": executable file not found in $PATH: unknown'),
        "no nvidia-smi",
        "restart Docker",
    ),
    (
        api(
            'Conflict. The container name "/n1" is already in use by container "0a1b". You have to remove '
            "(or rename) that container to be able to reuse that name."
        ),
        "already is a container of that name",
        "another container name",
    ),
    (
        api("no such image: trainer:x: No such image: trainer:x", ImageNotFound),
        "image trainer:x is not on this",
        "build-trainer-image.sh",
    ),
    (
        api('Get "https://registry/v2/": dial tcp: lookup registry on 10.0.0.1:53: no such host'),
        "registry cannot be reached",
        "network",
    ),
    (
        api('Get "https://registry/v2/": dial tcp 10.0.0.1:443: connect: connection refused'),
        "registry cannot be reached",
        "network",
    ),
    (
        api('Get "https://registry/v2/": net/http: TLS handshake timeout'),
        "registry cannot be reached",
        "network",
    ),
    (
        api("manifest for 127.0.0.1:5055/py:zzz not found: manifest unknown: manifest unknown", NotFound),
        "registry has no image trainer:x",
        "name and tag",
    ),
    (
        api('Head "http://registry/v2/py/manifests/3.11": no basic auth credentials'),
        "does not let you have",
        "docker login",
    ),
    (api("unauthorized: authentication required"), "does not let you have", "docker login"),
    (api("filesystem layer verification failed for digest sha256:00"), "arrived damaged", "network"),
    (
        api("no such image: Bad Name!!: invalid reference format: repository name must be lowercase"),
        "not a valid image name",
        "lower-case",
    ),
    (
        api("invalid reference format: repository name must be lowercase"),
        "not a valid image name",
        "lower-case",
    ),
    (
        api("invalid reference format: repository name (library/Bad Name!!) must be lowercase"),
        "not a valid image name",
        "lower-case",
    ),
    (
        api(
            "failed to create shim: OCI runtime create failed: runc create failed: unable to start container "
            'process: exec: "nosuchcmd": executable file not found in $PATH: unknown'
        ),
        "not a trainer image",
        "name another image",
    ),
    (
        api('invalid mount config for type "bind": bind source path does not exist: /x'),
        "cannot see a folder",
        "data folder",
    ),
    (
        api("invalid mount config: invalid mount path: './x' mount path must be absolute"),
        "cannot see a folder",
        "data folder",
    ),
    (
        api("Invalid container name (bad name), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"),
        "name is not allowed",
        "letters",
    ),
    (
        api("You cannot remove a running container 0a1b. Stop the container before attempting removal"),
        "still running",
        "Stop it",
    ),
    (
        api('cannot remove container "/k1": container is running: stop the container before removing'),
        "still running",
        "Stop it",
    ),
    (api("No such container: 0a1b", NotFound), "container is gone", "Resume"),
    (
        api("driver failed programming: Bind for 127.0.0.1:18099 failed: port is already allocated"),
        "network port",
        "program",
    ),
    (api("Minimum memory limit allowed is 6MB"), "Minimum memory limit allowed is 6MB", "limits"),
    (
        api("range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"),
        "range of CPUs",
        "limits",
    ),
    (
        api("write /var/lib/docker/tmp/x: no space left on device"),
        "disk is full",
        "docker system prune",
    ),
    (
        api("failed to start shim: fork/exec: cannot allocate memory"),
        "not enough memory",
        "other programs",
    ),
]


@pytest.mark.parametrize(("error", "message", "hint"), RECORDED, ids=lambda value: str(value)[-40:])
def test_a_recorded_failure_is_said_plainly_with_a_way_out(error: Exception, message: str, hint: str):
    said = translate(error, image="trainer:x")

    assert message in said.message
    assert hint in said.hint
    assert said.message.endswith(".")
    assert "0a1b" not in said.message
    assert "http+docker" not in str(said)


@pytest.mark.parametrize(
    ("said", "may_pass"),
    [
        ("write /layer: no space left on device", True),
        ("dial tcp: lookup registry: no such host", True),
        ("('Connection aborted.', ConnectionRefusedError(111, 'Connection refused'))", True),
        ("No such image: trainer:x", False),
        ("invalid reference format", False),
        ("the moon is full", False),
    ],
)
def test_what_may_be_gone_later_is_told_from_what_stays(said: str, may_pass: bool):
    assert translate(api(said)).may_pass is may_pass


def test_words_never_heard_before_are_passed_on_without_address_and_ids():
    said = translate(api("the moon is full"))

    assert said.message == "Docker refused: the moon is full."
    assert said.hint


def test_braces_in_the_engines_words_do_no_harm():
    assert "{x}" in translate(api('bind source path does not exist: "/{x}"')).message
