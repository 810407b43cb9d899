"""The result on a Hub of this test: a server on the loopback interface that speaks its words."""

# ruff: noqa: PLC0415 — torch and its friends take seconds: only the tests that need them pay

import base64
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from trainer_image.card import model_card
from trainer_image.config import HubDataset, Push, RunConfig
from trainer_image.events import Evaluation, Event, Metrics, Notice, Problem, Rows

from . import tiny

Train = Callable[..., tiny.Ran]
EVENTS: list[Event] = [
    Rows(total=1344, buckets={"trained": 1320, "validation": 17, "refused_by_template": 7}),
    *(
        Metrics(
            step=step, total_steps=100, epoch=1.0, loss=100 / step, learning_rate=1e-4, samples_seen=8 * step
        )
        for step in (*range(1, 101), 100)
    ),
    Evaluation(step=0, loss=4.5, best=False),
    Evaluation(step=50, loss=1.23456, best=True),
]


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
            is_there = name in self.server.repositories
            is_private = asked.get("private") or asked.get("visibility") == "private"
            self.server.repositories.setdefault(name, is_private)
            self.give({"url": f"{self.server.address}/{name}", "id": name}, 409 if is_there else 200)
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
        name = self.path.removeprefix("/api/models/").partition("/revision/")[0]
        if name not in self.server.repositories:
            self.give({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
            return
        siblings = [{"rfilename": file} for file in self.server.files]
        is_private = self.server.repositories[name]
        self.give({"id": name, "sha": "0" * 40, "siblings": siblings, "private": is_private})

    def commit(self, body: bytes) -> None:
        if self.server.refuses:
            self.give({"error": "no more space for you"}, self.server.refuses)
            return
        for line in body.splitlines():
            entry = json.loads(line)
            if entry["key"] == "file":
                self.server.files[entry["value"]["path"]] = base64.b64decode(entry["value"]["content"])
        self.give({"commitUrl": f"{self.server.address}/me/rivers/commit/1", "commitOid": "1" * 40})

    def give(
        self, answer: dict[str, Any], status: int = 200, headers: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for header, value in headers.items():
            self.send_header(header, value)
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
    assert f"| 1 | {tiny.losses(ran)[1]:.4f} |  |\n| 2 | {tiny.losses(ran)[2]:.4f} |  |\n" in card
    assert "| trained | 8 |" in card
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
    assert warning.endswith("To try again, there: hf upload me/rivers output . --private")
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

    card = ModelCard(model_card(config, EVENTS, best_step=50, versions={"torch": "2.13.0"}))

    assert (card.data.base_model, card.data.datasets) == ("owner/base", ["tatsu-lab/alpaca"])
    assert card.data.library_name == "peft"
    assert "torch 2.13.0" in card.text


def test_a_card_tells_the_ledger_the_curve_and_whose_weights_these_are() -> None:
    card = model_card(RunConfig(base_model="owner/base"), EVENTS, best_step=50, versions={})

    assert "| all | 1,344 |\n| trained | 1,320 |\n| validation | 17 |\n| refused by template | 7 |\n" in card
    curve = [line for line in card.splitlines() if line.count("|") == 4 and line[2].isdecimal()]
    assert curve[:2] == ["| 0 |  | 4.5000 |", "| 1 | 100.0000 |  |"]
    assert curve[-1] == "| 100 | 1.0000 |  |"
    assert "| 50 | 2.0000 | 1.2346 |" in curve
    assert len(curve) == 14
    assert "of step 50, the lowest validation loss" in card


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ({"kind": "sft"}, "SFT (training all weights)"),
        ({"kind": "lora"}, "LoRA, rank 16, alpha 32"),
        ({"kind": "lora", "use_dora": True, "use_rslora": True}, "DoRA, rank 16, alpha 32, rank-stabilised"),
        ({"kind": "lora", "load_in_4bit": True}, "QLoRA (LoRA on a base in 4 bits), rank 16, alpha 32"),
        ({"kind": "lora", "load_in_8bit": True}, "LoRA on a base in 8 bits, rank 16, alpha 32"),
        (
            {"kind": "osft"},
            "OSFT (orthogonal subspace fine-tuning, 0.5 of the directions learning)",
        ),
    ],
)
def test_a_card_names_the_method(method: dict[str, Any], words: str) -> None:
    config = RunConfig.model_validate({"base_model": "/at/home/base", "method": method})

    card = model_card(config, EVENTS, best_step=None, versions={})

    assert f"\nbase, fine-tuned by {words} on a data set that is not public.\n" in card


@pytest.mark.training
@pytest.mark.parametrize("refuses", [None, 507])
def test_each_save_is_pushed_beside_the_training_and_its_failure_stops_nothing(
    tiny_model: Path, tmp_path: Path, train_here: Train, hub: Hub, refuses: int | None
) -> None:
    hub.refuses = refuses
    push = {"repo_id": "me/rivers", "every_save": True}

    ran = train_here(pushing_run(tmp_path, tiny_model, push=push, save_steps=2))

    assert ran.code == 0, ran.of(Problem)
    pushed = {path for path in hub.files if path.startswith("last-checkpoint/")}
    said = [
        notice.message
        for notice in ran.of(Notice)
        if "Checkpoint samples_8 could not be pushed" in notice.message
    ]
    assert bool(said) == bool(refuses)
    if not refuses:
        assert "last-checkpoint/model.safetensors" in pushed
        assert not any("optimizer" in path or "rng" in path for path in pushed)
