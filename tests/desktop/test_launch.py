"""How the app comes up: as a window if it can, else in the browser and with a sentence that says why."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from app.services.library import SAMPLE_NAME

ROOT = Path(__file__).resolve().parents[2]
CLIENT = Path(__file__).with_name("fake_desktop_client.py")
PATIENCE_SECONDS = 60
linux_only = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the client is found as on Linux"
)


@linux_only
def test_a_window_opens_shows_the_data_and_ends_the_app_when_it_is_closed(tmp_path):
    client = install_client(tmp_path, f"#!{sys.executable}\n" + CLIENT.read_text())
    out = tmp_path / "heard.json"

    ended = subprocess.run(
        command(),
        cwd=ROOT,
        env=environment(
            tmp_path,
            DISPLAY=":99",
            FLET_VIEW_PATH=client,
            FAKE_CLIENT_OUT=out,
            FAKE_CLIENT_WAITS_FOR=SAMPLE_NAME,
            FLET_FORCE_WEB_SERVER="true",  # left over from another program's setup
        ),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    assert "http://" not in ended.stdout
    told = json.loads(out.read_text())
    assert told["arguments"][2] == str(ROOT / "assets")
    assert "Import data" in told["heard"]


@linux_only
def test_a_client_that_cannot_run_here_leads_to_the_browser(tmp_path):
    client = install_client(tmp_path, "#!/bin/sh\nexit 127\n")

    with started(tmp_path, "--no-browser", DISPLAY=":99", FLET_VIEW_PATH=client) as app:
        said = app.wait_until_served()

    assert "The desktop window did not open" in said


@linux_only
def test_without_a_network_the_app_opens_in_the_browser_and_says_why(tmp_path):
    nowhere = f"http://127.0.0.1:{unused_port()}/client.tar.gz"

    with started(tmp_path, "--no-browser", DISPLAY=":99", FLET_CLIENT_URL=nowhere) as app:
        said = app.wait_until_served()

    assert "The desktop window could not be fetched (no network): opening in your browser instead." in said
    assert "Traceback" not in said


@linux_only
def test_without_a_display_the_app_says_so_and_serves_on_loopback_only(tmp_path):
    with started(tmp_path, "--no-browser", FLET_SERVER_IP="0.0.0.0") as app:
        said = app.wait_until_served()
        listening = listeners(app.process.pid)

    assert "No display here" in said
    assert {host for host, _ in listening} == {"127.0.0.1"}


def test_a_taken_port_is_one_sentence_with_what_to_do(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        ended = subprocess.run(
            command("--web", "--no-browser", "--port", str(port)),
            cwd=ROOT,
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    assert ended.returncode != 0
    assert f"Port {port} cannot be used" in ended.stdout + ended.stderr
    assert "--port" in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_chosen_port_is_the_one_that_is_served(tmp_path):
    port = unused_port()

    with started(tmp_path, "--web", "--no-browser", "--port", str(port)) as app:
        said = app.wait_until_served()
        page = urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10).read().decode()

    assert f"http://127.0.0.1:{port}/" in said
    assert "flutter" in page.lower()


def test_the_app_ends_at_an_interrupt_without_a_traceback(tmp_path):
    with started(tmp_path, "--web", "--no-browser") as app:
        app.wait_until_served()
        app.process.send_signal(signal.SIGINT)

        assert app.process.wait(20) in (0, 130, -signal.SIGINT)
        assert "Traceback" not in app.said()


def test_neither_torch_nor_matplotlib_is_loaded_to_show_the_app(tmp_path):
    code = (
        "import sys, app.ui.window, app.ui.root, app.bootstrap, app.ui.training.tab;"
        "print([m for m in ('torch', 'transformers', 'matplotlib', 'datasets') if m in sys.modules])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=True,
    )

    assert loaded.stdout.strip() == "[]"


class Started:
    def __init__(self, process: subprocess.Popen, log: Path) -> None:
        self.process = process
        self._log = log

    def said(self) -> str:
        return self._log.read_text(errors="replace")

    def wait_until_served(self) -> str:
        """Everything it said until it named its address."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not re.search(r"http://127\.0\.0\.1:\d+/", self.said()):
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < end, self.said()
            time.sleep(0.02)
        return self.said()


@contextmanager
def started(tmp_path: Path, *arguments: str, **variables: object) -> Iterator[Started]:
    log = tmp_path / "said.txt"
    with log.open("wb") as file:
        process = subprocess.Popen(
            command(*arguments),
            cwd=ROOT,
            env=environment(tmp_path, **variables),
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Started(process, log)
    finally:
        process.terminate()
        process.wait(20)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "app", *arguments]


def environment(tmp_path: Path, **variables: object) -> dict[str, str]:
    """A person's first start: nothing of Flet's in the home folder, no display unless given."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("FLET_") and k not in ("DISPLAY", "HOME")}
    own = {"HOME": str(tmp_path), "TUNEWRIGHT_HOME": str(tmp_path / "home"), "PYTHONUNBUFFERED": "1"}
    return {**kept, **own, **{name: str(value) for name, value in variables.items()}}


def install_client(tmp_path: Path, script: str) -> Path:
    folder = tmp_path / "client"
    folder.mkdir()
    program = folder / "flet"
    program.write_text(script)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return folder


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listeners(pid: int) -> set[tuple[str, int]]:
    found = psutil.Process(pid).net_connections(kind="tcp")
    return {(c.laddr.ip, c.laddr.port) for c in found if c.status == psutil.CONN_LISTEN}
