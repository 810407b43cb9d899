"""A pod's first process as a real process, on a folder that stands for its volume."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.adapters.runpod.agent import Health, PodAgent

TRAINER = Path(__file__).with_name("trainer.py")
TOKEN = "the-run's-own-token"
LISTENS = "The agent listens"
_TIED = [sys.executable, str(Path(__file__).parents[2] / "trainer_image" / "pod" / "tied.py")]
"""A supervisor never ends by itself: it is to end with the tests, however these do."""


class Pod:
    """`environment` is what the pod is told beside what it always is; it may be changed between boots."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.run_dir = home / "runs" / "7f3c"
        self.port = _free_port()
        self.environment: dict[str, str] = {}
        self.agent = PodAgent(f"http://127.0.0.1:{self.port}", TOKEN, pause=lambda _: time.sleep(0.05))
        self.inside: list[str] = []
        """What the first process is started by."""
        self.process: subprocess.Popen[bytes] | None = None
        self.output = home / "output-of-the-container.txt"

    def boot(self) -> "Pod":
        """Returns when the agent listens. Not asked before: a connection to a free port of this computer
        may get that very port as its own, answer itself and keep the agent out."""
        before = self.said().count(LISTENS)
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [
                    *_TIED,
                    str(os.getpid()),
                    "/usr/bin/env",
                    *self.inside,
                    sys.executable,
                    "-P",
                    "-m",
                    "trainer_image.pod",
                ],
                cwd=Path(__file__).parents[2],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.wait_until(lambda: self.said().count(LISTENS) > before or self._has_ended())
        return self

    def kill(self) -> None:
        """As the host does: without a word, all of the container."""
        assert self.process
        self.process.kill()
        self.process.wait()

    def trainer(self) -> int:
        """The id of its process."""
        assert self.process
        (child,) = children(self.process.pid)
        return child

    def edit_state(self, **changes: Any) -> None:
        """As if a kill had come before they were written."""
        (self.run_dir / ".pod" / "state.json").write_text(json.dumps({**self.state(), **changes}))

    def restart(self) -> "Pod":
        self.kill()
        return self.boot()

    def health(self) -> Health:
        return self.agent.health()

    def start(self, attempt: int = 1, *, secrets: dict[str, str] | None = None, **config: Any) -> str:
        return self.agent.start(attempt, {"a": 1, **config}, secrets=secrets or {})

    def wait_for(self, phase: str) -> Health:
        return self.wait_until(lambda: health if (health := self.health()).phase == phase else None)

    def wait_until(self, condition: Callable[[], Any], *, every_seconds: float = 0.05) -> Any:
        end = time.monotonic() + 250
        while not (found := condition()):
            assert time.monotonic() < end, f"it did not happen; the container said:\n{self.said()}"
            time.sleep(every_seconds)
        return found

    def events(self, after: int = 0) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            page = self.agent.ask("GET", "/v1/events", query={"after": after}).json()
            found += page["events"]
            after = found[-1]["n"] if found else after
            if after >= page["last"] or not page["events"]:
                return found

    def lines(self) -> list[str]:
        return [event["line"] for event in self.events() if event["kind"] == "log"]

    def launches(self) -> list[str]:
        """The options of every training that was ever started."""
        path = self.run_dir / "launches.txt"
        return path.read_text().splitlines() if path.exists() else []

    def said(self) -> str:
        return self.output.read_text(errors="replace") if self.output.exists() else ""

    def state(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.run_dir / ".pod" / "state.json").read_text())
        return content

    def _has_ended(self) -> bool:
        assert self.process
        assert self.process.poll() is None, f"the first process ended:\n{self.said()}"
        return False

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "STUDIO_HOME": str(self.home),
            "STUDIO_RUN_ID": "7f3c",
            "STUDIO_TOKEN_SHA256": hashlib.sha256(TOKEN.encode()).hexdigest(),
            "STUDIO_HOST": "127.0.0.1",
            "STUDIO_PORT": str(self.port),
            "STUDIO_TRAINER": str(TRAINER),
            "RUNPOD_POD_ID": "pod-1",
            **self.environment,
        }


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture
def unbooted_pod(tmp_path: Path) -> Iterator[Pod]:
    pod = Pod(tmp_path)
    yield pod
    pod.agent.close()
    if pod.process and pod.process.poll() is None:
        pod.process.send_signal(signal.SIGKILL)
        pod.process.wait()


@pytest.fixture
def pod(unbooted_pod: Pod) -> Pod:
    return unbooted_pod.boot()


def _free_port() -> int:
    with socket.socket() as its:
        its.bind(("127.0.0.1", 0))
        port: int = its.getsockname()[1]
        return port
