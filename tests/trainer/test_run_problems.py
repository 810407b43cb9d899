"""What a person is told when a run cannot go on."""

# ruff: noqa: PLC0415 — torch and its friends take seconds: only the tests that need them pay

import json
import os
import resource
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from trainer_image import holding, places
from trainer_image.checkpoints import Checkpoints
from trainer_image.events import Notice, Phase, Problem
from trainer_image.models import require_reachable
from trainer_image.problems import RunFailedError, explain, explain_hub

from . import tiny

pytestmark = pytest.mark.training
Train = Callable[..., tiny.Ran]


def expect(ran: tiny.Ran, code: int, *words: str) -> None:
    """One problem with a hint, the same in the result, and the exit code."""
    assert ran.code == code, ran.log
    (problem,) = ran.of(Problem)
    assert all(word in f"{problem.message} {problem.hint}" for word in words), problem
    assert problem.hint
    assert ran.result.status == "failed"
    assert (ran.result.message, ran.result.hint) == (problem.message, problem.hint)


def test_a_missing_config(tmp_path: Path, train_here: Train) -> None:
    expect(train_here(tmp_path), 2, "no config.json")


def test_a_misspelt_setting_is_named(tmp_path: Path, tiny_model: Path, train_here: Train) -> None:
    folder = tiny.make_run(tmp_path / "run", tiny_model, lerning_rate=1)

    expect(train_here(folder), 2, "lerning_rate")


def test_a_config_that_is_not_json(tmp_path: Path, train_here: Train) -> None:
    (tmp_path / "config.json").write_text("{")

    expect(train_here(tmp_path), 2, "config.json is not valid")


def test_a_missing_model_folder(tmp_path: Path, train_here: Train) -> None:
    expect(train_here(tiny.make_run(tmp_path / "run", tmp_path / "nowhere")), 1, "nowhere is not there")


@pytest.mark.parametrize(
    ("settings", "warnings"),
    [({}, 1), ({"is_pretraining": True, "block_size": 64}, 0)],
    ids=["chats", "documents"],
)
def test_a_base_model_is_warned_of_before_it_is_looked_for_unless_it_learns_documents(
    tmp_path: Path, train_here: Train, settings: dict[str, Any], warnings: int
) -> None:
    folder = tiny.make_run(tmp_path / "run", tmp_path / "gemma-3-4b-pt", **settings)

    said = [notice for notice in train_here(folder).of(Notice) if notice.level == "warning"]

    assert ["gemma-3-4b-it" in notice.message for notice in said] == [True] * warnings


def test_a_folder_without_a_model(tmp_path: Path, train_here: Train) -> None:
    expect(train_here(tiny.make_run(tmp_path / "run", tmp_path)), 1, "holds no model")


def test_a_model_that_is_not_on_this_computer_when_offline(tmp_path: Path, train_here: Train) -> None:
    folder = tiny.make_run(tmp_path / "run", "nobody/has-this-model")

    expect(train_here(folder), 1, "nobody/has-this-model", "may not use the network")


def test_a_dataset_that_is_not_on_this_computer_when_offline(tmp_path: Path, tiny_model: Path) -> None:
    folder = tiny.make_run(tmp_path / "run", tiny_model, dataset={"kind": "hub", "repo": "nobody/has-this"})

    expect(tiny.run(folder), 1, "nobody/has-this", "may not use the network")


def test_broken_weights(tmp_path: Path, tiny_model: Path, train_here: Train) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(tiny_model, broken)
    (broken / "model.safetensors").write_bytes(b"\0" * 100)

    expect(train_here(tiny.make_run(tmp_path / "run", broken, offline=False)), 1, "cannot be loaded")


def test_a_model_whose_files_lack_some_of_its_weights_is_not_trained_from_random_numbers(
    tiny_model: Path, tmp_path: Path, train_here: Train
) -> None:
    from safetensors.torch import load_file, save_file

    shutil.copytree(tiny_model, tmp_path / "model")
    weights = load_file(tmp_path / "model" / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, tmp_path / "model" / "model.safetensors", metadata={"format": "pt"})

    ran = train_here(tiny.make_run(tmp_path / "run", tmp_path / "model"))

    expect(ran, 1, "1 of ", "model.layers.1.mlp.up_proj.weight", "random numbers")


def test_a_missing_data_file(tmp_path: Path, tiny_model: Path, train_here: Train) -> None:
    folder = tiny.make_run(tmp_path / "run", tiny_model, dataset={"kind": "file", "path": "no.jsonl"})

    expect(train_here(folder), 1, "no.jsonl")


def test_an_empty_dataset(tmp_path: Path, tiny_model: Path, train_here: Train) -> None:
    expect(train_here(tiny.make_run(tmp_path / "run", tiny_model, lines=[])), 1, "dataset is empty")


def test_a_dataset_with_nothing_to_train_on(tmp_path: Path, tiny_model: Path, train_here: Train) -> None:
    lines = ["{", '{"prompt": "a", "completion": ""}']
    folder = tiny.make_run(tmp_path / "run", tiny_model, lines=lines)

    expect(train_here(folder), 1, "None of the 2 rows", "malformed: 1", "empty answer: 1")


def test_rows_that_are_all_too_long(tmp_path: Path, tiny_model: Path, train_here: Train) -> None:
    expect(train_here(tiny.make_run(tmp_path / "run", tiny_model, max_seq_len=8)), 1, "longer than 8 tokens")


def test_a_model_without_a_chat_template(tmp_path: Path, train_here: Train) -> None:
    model = tiny.save_model(tmp_path / "model", chat_template=None)

    expect(train_here(tiny.make_run(tmp_path / "run", model)), 1, "no chat template", "instruct")


def test_a_loss_that_is_not_a_number_stops_the_run_without_a_bad_checkpoint(
    tmp_path: Path, tiny_model: Path, train_here: Train
) -> None:
    from safetensors.torch import load_file, save_file

    damaged = tmp_path / "damaged"
    shutil.copytree(tiny_model, damaged)
    weights = load_file(damaged / "model.safetensors")
    weights["lm_head.weight"][0, 0] = float("nan")
    save_file(weights, damaged / "model.safetensors", metadata={"format": "pt"})

    ran = train_here(tiny.make_run(tmp_path / "run", damaged, save_steps=1))

    expect(ran, 1, "step 1", "no longer a number", "learning rate")
    assert Checkpoints(ran.folder, keep=1).newest() is None


def test_a_limit_on_writing_is_told_like_a_full_disk(tiny_model: Path, tmp_path: Path) -> None:
    folder = tiny.make_run(tmp_path / "run", tiny_model)

    def small_files_only() -> None:  # an adapter's worth, not a model's
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    ran = tiny.run(folder, preexec_fn=small_files_only)

    expect(ran, 1, "disk is full", "Free some space")
    assert ran.result.step == 4
    assert list((folder / "checkpoints").iterdir()) == []


def test_a_full_disk_leaves_the_earlier_checkpoint_good(
    tiny_model: Path, tmp_path: Path, train_here: Train
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2500k", "none", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk here")
    try:
        ran = train_here(tiny.make_run(disk / "run", tiny_model))

        expect(ran, 1, "disk is full")
        assert ran.result.checkpoint == "checkpoints/samples_16"
        newest = Checkpoints(ran.folder, keep=1).newest()
        assert newest is not None
        assert newest.progress.step == 4
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.mark.parametrize(
    "error",
    [
        ImportError("/x/flash_attn_2_cuda.so: undefined symbol: _ZN3c105Error"),
        ImportError("cannot import name 'flash_attn_func' from 'flash_attn' (unknown location)"),
        OSError("libcudart.so.12: cannot open shared object file: No such file or directory"),
    ],
)
def test_libraries_that_do_not_fit_each_other_are_told_with_the_steps_that_help(error: Exception) -> None:
    told = explain(error)

    assert told is not None
    assert "cannot be loaded" in told.message
    assert "new virtual environment" in told.hint
    assert explain(ModuleNotFoundError("No module named 'flash_attn'")) is None
    assert explain(FileNotFoundError("no such file: data.jsonl")) is None


def test_memory_that_runs_out_is_told_apart_from_other_errors() -> None:
    import torch

    errors: list[BaseException] = [MemoryError(), torch.OutOfMemoryError("CUDA out of memory. Tried …")]
    with pytest.raises(RuntimeError) as refused:
        torch.empty(2**60)
    errors.append(refused.value)

    for error in errors:
        told = explain(error)
        assert told is not None
        assert "not enough memory" in told.message
        assert "batch size" in told.hint
    assert explain(RuntimeError("shapes do not match")) is None


def test_an_error_nobody_foresaw_is_a_sentence_with_the_details_in_the_log(
    tiny_model: Path, tmp_path: Path, train_here: Train, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    from trainer_image import tokenising

    def broken(*_: Any, **__: Any) -> None:
        raise KeyError("hf_secret-token")

    monkeypatch.setenv("HF_TOKEN", "hf_secret-token")
    monkeypatch.setattr(tokenising, "gather_in_memory", broken)

    ran = train_here(tiny.make_run(tmp_path / "run", tiny_model))

    expect(ran, 1, "error it did not expect")
    log = capsys.readouterr().out
    assert "Traceback" in log
    assert "hf_secret" not in log


class Hub(BaseHTTPRequestHandler):
    """The Hub's refusals, by repository name."""

    answers: ClassVar = {
        "gone": (404, "RepoNotFound", "Repository not found"),
        "gated": (403, "GatedRepo", "Access to model is restricted"),
        "private": (401, None, "Invalid username or password."),
        "forbidden": (403, None, "Forbidden"),
        "gguf": (404, "EntryNotFound", "Entry not found"),
        "broken": (500, None, "oops"),
    }

    def do_HEAD(self) -> None:
        status, code, message = self.answers[self.path.split("/")[2]]
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", message)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("HF_ENDPOINT", address)
    monkeypatch.setenv("HF_TOKEN", "hf_of-nobody")
    yield address
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gone", "There is no model 'org/gone'"),
        ("gated", "is gated"),
        ("private", "does not accept the token"),
        ("forbidden", "may not read"),
        ("gguf", "holds no model"),
    ],
)
def test_each_refusal_of_the_hub_has_its_sentence(hub: str, name: str, message: str) -> None:
    with pytest.raises(RunFailedError, match=message) as refused:
        require_reachable(f"org/{name}", offline=False)

    assert refused.value.hint


def test_no_network_has_its_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")

    with pytest.raises(RunFailedError, match="could not be reached"):
        require_reachable("org/unreachable", offline=False)


def test_a_dataset_is_called_a_dataset() -> None:
    class DatasetNotFoundError(FileNotFoundError): ...

    told = explain_hub(DatasetNotFoundError("nope"), kind="dataset", name="org/data", offline=False)

    assert told is not None
    assert told.message.startswith("There is no dataset 'org/data'")


def test_the_result_of_a_failure_tells_how_far_the_run_had_come(
    sft_run: tiny.Ran, tmp_path: Path, train_here: Train
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(sft_run.folder, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"learning_rate": 0.1}))

    ran = train_here(folder, "--resume")

    assert ran.result.checkpoint == "checkpoints/samples_48"
    assert ran.result.attempt == 2


@pytest.mark.parametrize("name", ["checkpoints", "output", ".output.partial"])
def test_a_file_where_a_folder_belongs_is_named_before_anything_is_computed(
    tiny_model: Path, tmp_path: Path, train_here: Train, name: str
) -> None:
    folder = tiny.make_run(tmp_path / "run", tiny_model)
    (folder / name).write_text("")

    ran = train_here(folder)

    expect(ran, 1, f"{folder / name} cannot be used: a file stands where")
    assert not ran.of(Phase)


@pytest.mark.parametrize("name", ["result.json", "events.jsonl", ".train.lock", "checkpoints/.extended.json"])
def test_a_folder_where_a_file_belongs_is_named_before_anything_is_computed(
    tiny_model: Path, tmp_path: Path, train_here: Train, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    folder = tiny.make_run(tmp_path / "run", tiny_model)
    (folder / name).mkdir(parents=True)

    code = train_here(folder).code

    said = "".join(capsys.readouterr())
    assert code in {1, 2}
    assert f"{folder / name} cannot be" in said
    assert "Loading" not in said


@pytest.mark.parametrize("name", [".", "checkpoints", "output"])
def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path, name: str) -> None:
    """By a mounted one: of permissions root is told nothing."""
    (tmp_path / name).mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "ro", "none", str(tmp_path / name)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk here")
    try:
        with pytest.raises(RunFailedError, match="nothing may be written there"):
            places.require_free(tmp_path)
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path / name)], check=True)


def test_a_second_trainer_in_the_same_folder_is_refused_and_a_killed_one_holds_nothing(
    tmp_path: Path, train_here: Train, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(holding, "_PATIENCE_SECONDS", 0)
    folder = tmp_path / "run"
    folder.mkdir()
    hold = (
        "from trainer_image.holding import alone_in\nwith alone_in(Path(sys.argv[1])):\n print(1, flush=True)"
    )
    words = [sys.executable, "-c", f"import sys\nfrom pathlib import Path\n{hold}\n sys.stdin.read()", folder]
    first = subprocess.Popen(words, cwd=tiny.TRAIN.parents[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert first.stdout
    first.stdout.readline()

    refused = train_here(folder)

    assert refused.code == 1
    assert "Another trainer is at work" in capsys.readouterr().err
    assert not (folder / "events.jsonl").exists()
    assert not (folder / "result.json").exists()
    first.kill()
    first.communicate()
    monkeypatch.undo()
    expect(train_here(folder), 2, "no config.json")
