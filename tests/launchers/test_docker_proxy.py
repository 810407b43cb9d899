"""The proxy that this app goes through, as containers and builds get it, and what of it stays here."""

import json
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import docker
import pytest

from app.adapters.docker_care import LocalDockerCare
from app.adapters.docker_launcher import DockerLauncher
from app.adapters.docker_proxy import container_proxy
from app.adapters.process_network import ProcessNetwork
from app.domain.runs import Run
from app.domain.stopping import Stop
from tests.emulators.server import serving
from tests.launchers.places import docker_launcher, make_run

PROXY = "http://proxy.example:3128"
_NAMES = ("http_proxy", "https_proxy", "no_proxy")


class ListeningEngine(ThreadingHTTPServer):
    """Takes one container and one build, and notes what was asked of it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.built_with: dict[str, str] = {}
        self.environment: dict[str, str] = {}

    def connect(self, timeout_seconds: int) -> docker.DockerClient:
        url = f"tcp://127.0.0.1:{self.server_port}"
        return docker.DockerClient(base_url=url, version="1.43", timeout=timeout_seconds)


class _Answers(BaseHTTPRequestHandler):
    server: ListeningEngine

    def do_GET(self) -> None:
        self._say([] if self.path.split("?")[0].endswith("/containers/json") else {"Id": "0a1b", "State": {}})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            self._read_chunks()
        path = urlsplit(self.path)
        if path.path.endswith("/build"):
            self.server.built_with = json.loads(parse_qs(path.query)["buildargs"][0])
        if path.path.endswith("/containers/create"):
            said = json.loads(body)["Env"]
            self.server.environment = dict(each.split("=", 1) for each in said)
        self._say({"Id": "0a1b", "stream": "done"}, 201)

    def _read_chunks(self) -> None:
        while size := int(self.rfile.readline(), 16):
            self.rfile.read(size + 2)

    def _say(self, answer: object, status: int = 200) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def engine() -> Iterator[ListeningEngine]:
    server = ListeningEngine()
    with serving(server):
        yield server


@pytest.fixture(autouse=True)
def no_proxy_of_this_computer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in _NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "no docker settings"))


@pytest.fixture
def proxy_of_settings() -> Iterator[None]:
    network = ProcessNetwork()
    network.go_through(PROXY)
    yield
    network.go_through("")


@pytest.fixture
def run(data_dir: Path) -> Run:
    return make_run(data_dir / "outputs" / "ferry", "0a1b2c")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "trainer_image").mkdir()
    (tmp_path / "Dockerfile.trainer").write_text("FROM scratch\n")
    return tmp_path


def launch(engine: ListeningEngine, run: Run, data_dir: Path) -> None:
    DockerLauncher(data_dir, connect=engine.connect).launch(run, resume=False, secrets={})


def build(engine: ListeningEngine, checkout: Path) -> list[str]:
    told: list[str] = []
    care = LocalDockerCare(checkout, version="9.9", connect=engine.connect)
    care.build("x:cpu", "cpu", lambda progress: told.append(progress.text), Stop())
    return told


def test_the_proxy_of_settings_reaches_the_container_of_a_run(engine, run, data_dir, proxy_of_settings):
    launch(engine, run, data_dir)

    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        assert engine.environment[name] == PROXY
    assert engine.environment["NO_PROXY"] == engine.environment["no_proxy"] == "localhost,127.0.0.1,::1"


def test_the_proxy_of_settings_reaches_a_build(engine, checkout, proxy_of_settings):
    build(engine, checkout)

    assert engine.built_with["VARIANT"] == "cpu"
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        assert engine.built_with[name] == PROXY


def test_an_offline_run_gets_no_proxy(engine, run, data_dir, proxy_of_settings):
    launch(engine, replace(run, config=run.config.model_copy(update={"offline": True})), data_dir)

    assert not [name for name in engine.environment if "proxy" in name.lower()]


def test_without_a_proxy_nothing_is_said_of_one(engine, run, data_dir, checkout):
    launch(engine, run, data_dir)
    told = build(engine, checkout)

    assert not [name for name in {**engine.environment, **engine.built_with} if "proxy" in name.lower()]
    assert not run.log_path.exists()
    assert not [line for line in told if "proxy" in line]


def test_a_proxy_with_a_password_stays_here_and_the_log_and_the_build_say_so(
    engine, run, data_dir, checkout, monkeypatch
):
    monkeypatch.setenv("HTTPS_PROXY", "http://ada:s3cret@proxy.example:3128")

    launch(engine, run, data_dir)
    told = build(engine, checkout)

    assert not [name for name in {**engine.environment, **engine.built_with} if "proxy" in name.lower()]
    assert "containers do not get it" in run.log_path.read_text()
    assert any("containers do not get it" in line for line in told)
    assert "s3cret" not in run.log_path.read_text() + "".join(told) + run.config_path.read_text()


@pytest.mark.parametrize(
    ("address", "is_given"),
    [
        (PROXY, True),
        ("proxy.example:3128", True),
        ("socks5://proxy.example:1080", True),
        ("http://token@proxy.example:3128", False),
        ("ada:s3cret@proxy.example:3128", False),
        ("http://127.0.0.1:3128", False),
        ("http://localhost:3128", False),
        ("http://[::1]:3128", False),
        ("http://[broken:3128", False),
    ],
)
def test_only_what_a_container_may_know_and_can_reach_is_given(address, is_given):
    found = container_proxy({"http_proxy": address, "NO_PROXY": "intranet.example"})

    assert (found.variables.get("HTTP_PROXY") == address) is is_given
    assert ("no_proxy" in found.variables) is is_given
    assert bool(found.kept_back) is not is_given
    assert "s3cret" not in found.kept_back


@pytest.mark.docker
def test_a_real_container_shows_the_proxy_and_no_more(
    stand_in_image, docker_client, data_dir, run, proxy_of_settings
):
    handle = docker_launcher(data_dir).launch(run, resume=False, secrets={})
    container = docker_client.containers.get(handle)

    assert f"HTTPS_PROXY={PROXY}" in container.attrs["Config"]["Env"]
    container.remove(force=True)
