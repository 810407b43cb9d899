"""A base model that is not here yet is got from a Hub, and how far that is shows."""

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub.hf_api import BlobLfsInfo, RepoSibling

from app.worker.exporting.downloading import bytes_to_come, what_is_taken
from tests.exporting.conftest import MODEL, add_run, service_of, wish
from tests.exporting.test_service import Configs

pytestmark = pytest.mark.training

_COMMIT = "1" * 40
_TWICE = ("consolidated.safetensors", "original/model.safetensors", "onnx/model.safetensors", "tiny.gguf")
"""The weights once more, in forms that nobody takes."""


class _Answer(BaseHTTPRequestHandler):
    """As the Hub answers for one model: what it consists of, and each of its files."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if self.path.startswith("/api/models/me/tiny/tree/"):
            tree = [
                {"type": "file", "path": p.name, "size": p.stat().st_size, "oid": _oid(p)}
                for p in MODEL.iterdir()
            ]
            self.give(json.dumps(tree).encode(), {"Content-Type": "application/json"})
            return
        if self.path.startswith("/api/models/me/tiny"):
            siblings = [
                {"rfilename": p.name, "size": p.stat().st_size, "blobId": _oid(p)} for p in MODEL.iterdir()
            ]
            siblings += [{"rfilename": name, "size": 10**15, "blobId": name} for name in _TWICE]
            found = {"_id": "1", "id": "me/tiny", "sha": _COMMIT, "private": False, "siblings": siblings}
            self.give(json.dumps(found).encode(), {"Content-Type": "application/json"})
            return
        file = MODEL / self.path.rpartition("/")[2]
        if "/me/tiny/resolve/" not in self.path or not file.is_file():
            self.give(b"", {"X-Error-Code": "EntryNotFound"}, 404)
            return
        self.give(file.read_bytes(), {"ETag": f'"{_oid(file)}"', "X-Repo-Commit": _COMMIT})

    def give(self, content: bytes, headers: dict[str, str], status: int = 200) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None: ...


def _oid(file: Path) -> str:
    return hashlib.sha1(file.read_bytes()).hexdigest()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Its models go into the folder that this gives."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    yield tmp_path / "cache"
    server.shutdown()
    server.server_close()


def test_a_base_that_is_not_here_is_downloaded_once_and_the_export_made(
    world, store, adapter, hub: Path, tmp_path: Path
) -> None:
    run = add_run(world, adapter("one"), base=Path("me/tiny"))
    world.runs.update(
        run.id, lambda old: replace(old, config=old.config.model_copy(update={"offline": False}))
    )
    service, first, second = service_of(world, store, configs=Configs()), [], []

    made = service.export(run.id, wish(tmp_path / "one", "merged"), lambda told: first.append(told.text))
    again = service.export(run.id, wish(tmp_path / "two", "merged"), lambda told: second.append(told.text))

    assert made.passed, made.verdict
    assert again.passed, again.verdict
    assert any(text.startswith("Downloading me/tiny, 5.6 MB") for text in first)
    assert not any(text.startswith("Downloading") for text in second)
    assert list(hub.rglob("model.safetensors"))
    assert str(hub) not in (made.folder / "config.json").read_text()


def test_only_what_is_taken_is_counted_and_only_what_of_that_is_here_is_subtracted(tmp_path: Path) -> None:
    def file(name: str, size: int, sha256: str = "") -> RepoSibling:
        lfs = BlobLfsInfo(size=size, sha256=sha256, pointer_size=134) if sha256 else None
        return RepoSibling(name, size=size, blob_id=f"git-{name}", lfs=lfs)

    files = [
        file("model-1.safetensors", 100, "one"),
        file("model-2.safetensors", 200, "two"),
        file("consolidated.safetensors", 300, "all"),
        file("pytorch_model.bin", 300, "older"),
        file("config.json", 7),
    ]
    for blob, size in {"one": 100, "git-config.json": 7, "another-revision": 5000, "older": 300}.items():
        (tmp_path / blob).write_bytes(b"x" * size)

    weights, taken = what_is_taken(files)

    assert weights == "*.safetensors"
    assert sum(each.size or 0 for each in taken) == 307
    assert bytes_to_come(taken, tmp_path) == 200


def test_where_only_another_form_is_in_safetensors_the_older_weights_are_taken() -> None:
    files = [RepoSibling("consolidated.safetensors", size=1), RepoSibling("pytorch_model.bin", size=2)]

    weights, taken = what_is_taken(files)

    assert weights == "*.bin"
    assert [each.rfilename for each in taken] == ["pytorch_model.bin"]
