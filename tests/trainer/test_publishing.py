"""The result on a Hub of this test: a server on the loopback interface that speaks its words."""

# ruff: noqa: PLC0415 — torch and its friends take seconds: only the tests that need them pay

import base64
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from trainer_image.config import HubDataset, Push, RunConfig
from trainer_image.events import Notice, Problem
from trainer_image.publishing import model_card

from . import tiny

Train = Callable[..., tiny.Ran]
CURVE = {"rows": 8, "steps": 2, "first_loss": 2.5, "final_loss": 1.25}


class Hub(ThreadingHTTPServer):
    """Repositories with their files; `refuses` is the status every commit is answered with instead."""

    refuses: int | None = None

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.repositories: dict[str, bool] = {}
        self.files: dict[str, bytes] = {}
        self.tokens: set[str | None] = set()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Answer(BaseHTTPRequestHandler):
    server: Hub

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.tokens.add(self.headers.get("Authorization"))
        if self.path == "/api/repos/create":
            asked = json.loads(body)
            name = "/".join(filter(None, (asked.get("organization"), asked["name"])))
            self.server.repositories[name] = asked.get("private") or asked.get("visibility") == "private"
            self.give({"url": f"{self.server.address}/{name}", "id": name})
        elif self.path == "/api/validate-yaml":
            self.give({"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            files = [
                {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                for file in json.loads(body)["files"]
            ]
            self.give({"files": files})
        elif "/commit/" in self.path:
            self.commit(body)
        else:
            self.give({"error": f"unknown {self.path}"}, 404)

    def do_GET(self) -> None:
        self.give({"id": "me/rivers", "sha": "0" * 40, "siblings": []})

    def commit(self, body: bytes) -> None:
        if self.server.refuses:
            self.give({"error": "no more space for you"}, self.server.refuses)
            return
        for line in body.splitlines():
            entry = json.loads(line)
            if entry["key"] == "file":
                self.server.files[entry["value"]["path"]] = base64.b64decode(entry["value"]["content"])
        self.give({"commitUrl": f"{self.server.address}/me/rivers/commit/1", "commitOid": "1" * 40})

    def give(self, answer: dict[str, Any], status: int = 200) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    server = Hub()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", server.address)
    monkeypatch.setenv("HF_TOKEN", "hf_writing")
    yield server
    server.shutdown()
    server.server_close()


def pushing_run(tmp_path: Path, model: Path, **changes: Any) -> Path:
    settings = {"push": {"repo_id": "me/rivers"}, "max_steps": 2, "offline": False} | changes
    return tiny.make_run(tmp_path / "run", model, **settings)


@pytest.mark.training
def test_the_result_is_pushed_private_with_its_card(
    tiny_model: Path, tmp_path: Path, train_here: Train, hub: Hub
) -> None:
    folder = pushing_run(tmp_path, tiny_model)

    ran = train_here(folder)

    assert ran.code == 0
    assert hub.repositories == {"me/rivers": True}
    assert hub.files["model.safetensors"] == (folder / "output" / "model.safetensors").read_bytes()
    card = hub.files["README.md"].decode()
    assert "base_model: tiny\n" in card
    assert f"{tiny.losses(ran)[1]:.4f} at the first step, {tiny.losses(ran)[2]:.4f} at the last" in card
    assert str(tmp_path) not in card
    assert "Bearer hf_writing" in hub.tokens
    assert any(hub.address + "/me/rivers" in notice.message for notice in ran.of(Notice))


@pytest.mark.training
def test_a_failed_push_leaves_the_result_and_says_how_to_try_again(
    tiny_model: Path, tmp_path: Path, train_here: Train, hub: Hub
) -> None:
    hub.refuses = 403

    ran = train_here(pushing_run(tmp_path, tiny_model))

    assert ran.code == 0
    assert ran.result.status == "finished"
    assert (ran.folder / "output" / "model.safetensors").is_file()
    (warning,) = [n.message for n in ran.of(Notice) if "could not be pushed" in n.message]
    assert "hf upload me/rivers output" in warning
    assert "hf_writing" not in warning


def test_offline_a_push_is_refused_before_anything_is_loaded(
    tiny_model: Path, tmp_path: Path, train_here: Train, hub: Hub
) -> None:
    ran = train_here(pushing_run(tmp_path, tiny_model, offline=True))

    assert ran.code == 2
    assert "offline mode is on" in ran.of(Problem)[0].message
    assert hub.tokens == set()


def test_without_a_token_a_push_is_refused_before_anything_is_loaded(
    tiny_model: Path, tmp_path: Path, train_here: Train, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)

    ran = train_here(pushing_run(tmp_path, tiny_model))

    assert "there is no token" in ran.of(Problem)[0].message


def test_a_card_is_one_the_hub_can_read_and_names_public_data() -> None:
    from huggingface_hub import ModelCard

    config = RunConfig(
        base_model="owner/base", dataset=HubDataset(repo="tatsu-lab/alpaca"), push=Push(repo_id="me/x")
    )

    card = ModelCard(model_card(config, curve=CURVE, versions={"torch": "2.13.0"}))

    assert (card.data.base_model, card.data.datasets) == ("owner/base", ["tatsu-lab/alpaca"])
    assert card.data.library_name == "peft"
    assert "2.5000 at the first step, 1.2500 at the last" in card.text
    assert "torch 2.13.0" in card.text
