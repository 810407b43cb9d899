"""Hugging Face datasets: the real `datasets` on a repository in a folder, offline, and on a hub that refuses.

Each in a process of its own, as `huggingface_hub` reads its environment once, when it is imported.
"""

import json
import os
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.adapters.hub_listing import find_datasets
from app.adapters.hub_rows import explain_hub_error
from app.adapters.row_sources import RowSources
from app.domain.errors import ImportFailedError

from . import children
from .small_hub import ANSWERS, small_hub

TOKEN = "hf_" + "secret" * 5
CARD = """---
configs:
- config_name: easy
  data_files: [{split: train, path: easy.jsonl}, {split: test, path: easy-test.jsonl}]
- config_name: hard
  data_files: [{split: train, path: hard.jsonl}]
---
"""


def _pair(question: str, answer: str = "Yes.") -> str:
    return json.dumps({"prompt": question, "completion": answer}) + "\n"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    (folder / "README.md").write_text(CARD)
    (folder / "easy.jsonl").write_text(_pair("one") + _pair("two", " ") + _pair("three"))
    (folder / "easy-test.jsonl").write_text(_pair("exam"))
    (folder / "hard.jsonl").write_text(_pair("hard"))
    return folder


def _ask(requests: list[tuple[str, str, str | None]], **environment: str) -> tuple[list[Any], bool]:
    """Answers to the requests, and whether torch was imported for them."""
    outcome = children.FRESH.Queue()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        [process] = children.start_all(children.FRESH, children.read_hub, iter([(requests, TOKEN, outcome)]))
        answers: tuple[list[Any], bool] = outcome.get(timeout=120)
    children.join(process)
    return answers


def test_a_repository_is_streamed_by_config_and_split_without_torch(repository: Path, tmp_path: Path) -> None:
    repo = str(repository)

    answers, torch_imported = _ask(
        [
            (repo, "train", "easy"),
            (repo, "test", "easy"),
            (repo, "nope", "easy"),
            (repo, "train", "nope"),
            (repo, "train", None),
            ("nobody/nothing", "train", None),
        ],
        HF_HUB_OFFLINE="1",
        HF_HOME=str(tmp_path),
    )

    train, test, wrong_split, wrong_config, no_config, offline = answers
    assert train == ("ok", [(1, "one"), (2, "the answer is empty"), (3, "three")])
    assert test == ("ok", [(1, "exam")])
    assert wrong_split[0] == f"{repo} has no split 'nope'. It has: train, test."
    assert wrong_config[0] == f"{repo} has no configuration 'nope'. It has: easy, hard."
    assert no_config[0] == f"{repo} has several configurations. Choose one of: easy, hard."
    assert offline[0].startswith("The Hugging Face Hub is not asked for 'nobody/nothing'. Offline mode is on")
    assert not torch_imported


def test_columns_of_other_names_are_found_and_unused_ones_kept(tmp_path: Path) -> None:
    repository = tmp_path / "repo"
    repository.mkdir()
    row = {"question": "Q?", "answer": "A.", "score": 1.5, "tags": ["a"]}
    (repository / "rows.jsonl").write_text(json.dumps(row) + "\n")
    code = (
        "import json, sys\nfrom app.adapters.row_sources import RowSources\n"
        "for row in RowSources().read_hub(sys.argv[1], 'train', None, token=None):\n"
        "    print(json.dumps([row.messages, row.meta]))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, str(repository)],
        env=os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf")},
        capture_output=True,
        text=True,
        check=True,
    )

    messages, meta = json.loads(done.stdout)
    assert [message["content"] for message in messages] == ["Q?", "A."]
    assert meta == {"score": 1.5, "tags": ["a"]}


def test_a_look_shows_the_first_rows_and_a_chosen_mapping_reads_them(tmp_path: Path) -> None:
    repository = tmp_path / "repo"
    repository.mkdir()
    rows = [{"frage": f"Wie tief {n}?", "antwort": "Drei Faden.", "nr": n} for n in range(150)]
    (repository / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    code = (
        "import json, sys\nfrom app.adapters.row_sources import RowSources\n"
        "from app.domain.mapping import ColumnMapping, Part, RowKind\n"
        "place = (sys.argv[1], 'train', None)\n"
        "look = RowSources().preview_hub(*place, 2, token=None)\n"
        "print(json.dumps([look.format, look.columns, look.rows, look.mapping]))\n"
        "turned = ColumnMapping(RowKind.PAIR, {Part.QUESTION: 'antwort', Part.ANSWER: 'frage'})\n"
        "row = next(RowSources().read_hub(*place, turned, token=None))\n"
        "print(json.dumps([[m['content'] for m in row.messages], row.meta]))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, str(repository)],
        env=os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf")},
        capture_output=True,
        text=True,
        check=True,
    )

    look, read = map(json.loads, done.stdout.splitlines())
    assert look == ["a dataset of the Hugging Face Hub", ["frage", "antwort", "nr"], rows[:2], None]
    assert read == [["Drei Faden.", "Wie tief 0?"], {"nr": 0}]


def test_each_refusal_of_the_hub_is_a_sentence_without_the_token(tmp_path: Path) -> None:
    with small_hub() as hub:
        answers, _ = _ask(
            [(repo, "train", None) for repo in ANSWERS], HF_ENDPOINT=hub.url, HF_HOME=str(tmp_path)
        )

    said = {repo: sentence for repo, (sentence, _) in zip(ANSWERS, answers, strict=True)}
    for repo in ("owner/gated-anonymous", "owner/gated"):
        assert said[repo].startswith(f"{repo} is gated")
        assert f"https://huggingface.co/datasets/{repo}" in said[repo]
    for repo in ("owner/missing", "owner/private"):
        assert said[repo].startswith(f"There is no dataset '{repo}' that you can read. Check the name")
    assert said["owner/bad-token"].startswith("The Hugging Face Hub does not accept your token.")
    assert said["owner/forbidden"].startswith("You may not read owner/forbidden.")
    assert hub.tokens == {f"Bearer {TOKEN}"}
    assert TOKEN not in str(said)


def test_words_of_the_library_are_passed_on_without_the_token() -> None:
    error = RuntimeError(f"cannot open https://me:{TOKEN}@hub.example\nand more")

    told = explain_hub_error(error, "owner/name", "train", None, TOKEN)

    assert told.message == "owner/name could not be read: cannot open https://me:(token)@hub.example."


def test_a_connection_that_breaks_off_is_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as hub:
        hanging_up = threading.Thread(target=_hang_up, args=(hub,))
        hanging_up.start()
        with pytest.raises(httpx.TransportError) as broken:
            httpx.get(f"http://127.0.0.1:{hub.getsockname()[1]}/", trust_env=False)
        hanging_up.join()
    broken.value.__cause__ = broken.value.__context__ = (
        None  # `datasets` passes it on without what was below it
    )

    told = explain_hub_error(broken.value, "me/rows", "train", None, TOKEN)

    assert told.message == "The Hugging Face Hub cannot be reached, or the connection to it broke off."


def _hang_up(hub: socket.socket) -> None:
    caller, _ = hub.accept()
    caller.recv(65536)
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, no goodbye
    caller.close()


def test_datasets_are_found_by_words_with_the_token(tmp_path: Path) -> None:
    with small_hub() as hub:
        assert find_datasets("gated", token=TOKEN, endpoint=hub.url) == [
            "owner/gated-anonymous",
            "owner/gated",
        ]
        assert find_datasets("nothing like it", token=TOKEN, endpoint=hub.url) == []

    assert hub.tokens == {f"Bearer {TOKEN}"}


def test_a_hub_that_cannot_be_reached_is_a_sentence_for_a_search_too() -> None:
    with pytest.raises(ImportFailedError, match="cannot be reached"):
        find_datasets("any", token=None, endpoint="http://127.0.0.1:9")


def test_a_repository_tells_its_configurations_and_splits(repository: Path, tmp_path: Path) -> None:
    outcome = children.FRESH.Queue()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("HF_HOME", str(tmp_path))
        [process] = children.start_all(
            children.FRESH, children.read_hub_parts, iter([(str(repository), outcome)])
        )
        parts, torch_imported = outcome.get(timeout=120)
    children.join(process)

    assert parts == {"easy": ("train", "test"), "hard": ("train",)}
    assert not torch_imported


def test_each_try_to_reach_the_hub_is_noted_in_the_log_and_not_on_the_terminal(tmp_path: Path) -> None:
    code = (
        "import logging\nfrom app.adapters.hub_rows import read_hub_rows\n"
        f"logging.basicConfig(filename={str(tmp_path / 'log')!r})\n"
        "try: read_hub_rows('nobody/nothing', 'train', None, token=None)\nexcept Exception: pass\n"
        "logging.getLogger('huggingface_hub.utils._http').warning('Retrying in 1s')"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stderr == ""
    assert "Retrying in 1s" in (tmp_path / "log").read_text()


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)  # Python's own way to say: not installed

    with pytest.raises(ImportFailedError) as refusal:
        RowSources().read_hub("owner/any", "train", None, token=None)

    assert 'pip install "tunewright[local]"' in refusal.value.hint
