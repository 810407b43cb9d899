"""Offline mode below everything: what the interpreter lets out of a process, and what says so."""

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from app.adapters.child_process import child_environment
from app.adapters.process_network import ProcessNetwork
from tests.emulators.server import running
from tests.emulators.website import Website
from trainer_image import network

ROOT = Path(__file__).resolve().parents[2]
ELSEWHERE = "192.0.2.1"
"""TEST-NET-1 (RFC 5737): belongs to nobody."""
WHY = "Offline mode is on: a test says so."


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()


@pytest.fixture
def closed():
    network.close(WHY)
    yield
    network.open_again()


def by_connect() -> None:
    with socket.socket() as its:
        its.connect((ELSEWHERE, 9))


def by_connect_ex() -> None:
    with socket.socket() as its:
        its.connect_ex((ELSEWHERE, 9))


def by_ipv6() -> None:
    with socket.socket(socket.AF_INET6) as its:
        its.connect(("2001:db8::1", 9))


def by_datagram() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as its:
        its.sendto(b"x", (ELSEWHERE, 9))


def by_message() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as its:
        its.sendmsg([b"x"], [], 0, (ELSEWHERE, 9))


def by_event_loop() -> None:
    asyncio.run(asyncio.wait_for(asyncio.open_connection(ELSEWHERE, 9), 5))


@pytest.mark.parametrize(
    "way",
    [by_connect, by_connect_ex, by_ipv6, by_datagram, by_message, by_event_loop],
    ids=lambda w: w.__name__,
)
def test_nothing_is_sent_off_this_computer_whichever_way_it_is_tried(closed, way):
    with pytest.raises(network.RefusedError, match="a test says so"):
        way()

    assert network.refused()[-1].startswith("connect ")


@pytest.mark.parametrize("way", [socket.gethostbyname, lambda name: socket.getaddrinfo(name, 443)])
def test_no_name_is_looked_up(closed, way):
    with pytest.raises(socket.gaierror, match="a test says so"):
        way("name.invalid")

    assert network.refused()[-1] == "look up name.invalid"


def test_a_client_library_gets_an_error_it_knows(closed):
    with pytest.raises(httpx.ConnectError, match="a test says so"):
        httpx.get(f"http://{ELSEWHERE}:9/", timeout=5)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_computer_is_reached_all_the_same(closed, listener, host):
    socket.create_connection((host, listener[1]), timeout=5).close()


def test_unix_sockets_are_this_computers_own(closed, tmp_path):
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(str(tmp_path / "s"))
        server.listen()

        client.connect(str(tmp_path / "s"))


def test_proxies_are_taken_away_and_all_is_as_it_was_afterwards(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:3128")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    before = dict(os.environ)

    network.close(WHY)
    during = dict(os.environ)
    network.open_again()

    assert "HTTPS_PROXY" not in during
    assert (during["HF_HUB_OFFLINE"], during[network.VARIABLE]) == ("1", "1")
    assert dict(os.environ) == before
    assert network.reason() == ""


def test_the_guard_does_not_take_its_own_variables_for_the_persons(closed):
    assert network.said_by_environment() is None
    assert network.reason() == WHY


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, None),
        ({"HF_HUB_OFFLINE": "0"}, None),
        ({"HF_HUB_OFFLINE": "1"}, network.Verdict(True, "HF_HUB_OFFLINE")),
        ({"HF_DATASETS_OFFLINE": "yes"}, network.Verdict(True, "HF_DATASETS_OFFLINE")),
        ({network.VARIABLE: "on"}, network.Verdict(True, network.VARIABLE)),
        ({network.VARIABLE: "0"}, network.Verdict(False, network.VARIABLE)),
        ({network.VARIABLE: "0", "HF_HUB_OFFLINE": "1"}, network.Verdict(True, "HF_HUB_OFFLINE")),
    ],
)
def test_what_the_environment_says(environment, said):
    assert network.said_by(environment) == said


@pytest.mark.parametrize(
    "host", ["8.8.8.8", "10.0.0.1", "example.org", "fe80::1%eth0", "::ffff:8.8.8.8", "localhost.example"]
)
def test_other_computers_are_told_in_every_disguise(host):
    assert not network.is_here(host)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", b"localhost", "", None]
)
def test_this_computer_is_told_too(host):
    assert network.is_here(host)


@pytest.mark.parametrize(
    "program",
    [
        ["-m", "app.worker"],
        [str(ROOT / "trainer_image" / "look.py")],
        ["-m", "app.worker.quality", "nothing", "nowhere"],
        ["-m", "app.helper"],
        [str(ROOT / "trainer_image" / "train.py"), "--doctor"],
    ],
    ids=lambda words: Path(words[-1]).name if len(words) < 3 else words[1],
)
def test_every_child_process_holds_itself_to_it(tmp_path, program):
    """Each is started as the app starts it; beside it lies a module that tries the network as it ends."""
    spy = tmp_path / "sitecustomize.py"
    spy.write_text(
        "import os, sys\n"
        "def hear(event, args):\n"
        "    if event == 'sys.addaudithook':\n"
        f"        open({str(tmp_path / 'guarded')!r}, 'w').close()\n"
        "sys.addaudithook(hear)\n"
    )
    environment = dict(child_environment(offline=True, token=None))
    environment["PYTHONPATH"] += os.pathsep + str(tmp_path)

    subprocess.run(
        [sys.executable, "-P", *program],
        check=False,
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
    )

    assert (tmp_path / "guarded").exists()


def test_the_proxy_of_the_settings_is_used_by_every_library_and_this_computer_is_reached_without(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    its = ProcessNetwork()
    with running(Website()) as proxy, running(Website()) as direct:
        its.go_through(proxy.url)
        through = httpx.get("http://elsewhere.example/page/1")
        httpx.get(f"{direct.url}/page/1")
        its.go_through("")

    assert through.status_code in (200, 404)
    assert len(proxy.requests) == len(direct.requests) == 1
    assert "HTTP_PROXY" not in os.environ
