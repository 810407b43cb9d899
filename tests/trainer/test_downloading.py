"""A model from the Hub is fetched before it is loaded, with what has come of it told."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from trainer_image.events import Download, Phase

from . import tiny

FETCH = """
import sys
from pathlib import Path
from trainer_image.downloading import fetch_model
from trainer_image.reporting import Reporter
fetch_model("org/model", Reporter(Path(sys.argv[1])), offline=False)
"""
FILES = {
    "config.json": b"{}",
    "model.safetensors": bytes(300_000),
    "pytorch_model.bin": bytes(300_000),
    "original/consolidated.safetensors": bytes(900_000),
}
SHA = "0123456789abcdef0123456789abcdef01234567"


class ModelHub(BaseHTTPRequestHandler):
    """Serves one model as the Hub does: its list of files, then each file."""

    protocol_version = "HTTP/1.1"

    def do_GET(self, *, has_body: bool = True) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/api/models/org/model"):
            siblings = [{"rfilename": name, "size": len(data)} for name, data in FILES.items()]
            is_tree = "/tree/" in path
            entries = [{"type": "file", "path": n, "size": len(d), "oid": "0"} for n, d in FILES.items()]
            listed: Any = entries if is_tree else {"id": "org/model", "sha": SHA, "siblings": siblings}
            self._send(json.dumps(listed).encode(), has_body=has_body)
            return
        data = FILES[path.partition("/resolve/")[2].partition("/")[2]]
        self._send(data, has_body=has_body, etag=hashlib.sha256(data).hexdigest())

    def do_HEAD(self) -> None:
        self.do_GET(has_body=False)

    def _send(self, body: bytes, *, has_body: bool, etag: str = "") -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Repo-Commit", SHA)
        if etag:
            self.send_header("ETag", f'"{etag}"')
        self.end_headers()
        if has_body:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def hub() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), ModelHub)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def fetch(run_dir: Path, address: str) -> tiny.Ran:
    """In a process of its own: the library reads where the Hub and its cache are when it is imported."""
    run_dir.mkdir(exist_ok=True)
    environment = {
        **os.environ,
        "HF_ENDPOINT": address,
        "HF_HOME": str(run_dir.parent / "hf"),
        "NO_PROXY": "*",
    }
    environment.pop("HF_HUB_OFFLINE", None)
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", FETCH, str(run_dir)],
        env=environment,
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return tiny.Ran(run_dir, 0, done.stdout)


def test_what_is_missing_is_fetched_with_its_bytes_told_and_a_second_time_nothing_is(
    hub: str, tmp_path: Path
) -> None:
    first = fetch(tmp_path / "first", hub)
    again = fetch(tmp_path / "again", hub)

    told = first.of(Download)
    assert [phase.name for phase in first.of(Phase)] == ["download"]
    assert (told[0].done, told[-1].done, told[-1].total) == (0, 300_002, 300_002)
    kept = {path.name for path in (tmp_path / "hf" / "hub").rglob("snapshots/*/*")}
    assert kept == {"config.json", "model.safetensors"}, "only what is loaded"
    assert again.of(Phase) == []


def test_a_hub_that_is_not_there_is_left_to_the_loading_to_explain(tmp_path: Path) -> None:
    ran = fetch(tmp_path / "run", "http://127.0.0.1:9")

    assert ran.of(Phase) == []
    assert "loading the model tries again" in ran.log
