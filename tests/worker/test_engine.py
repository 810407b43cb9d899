"""The inference engine with its real process and a real, tiny model."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import LlamaForCausalLM

from app.adapters.worker_engine import WorkerEngine
from app.adapters.worker_process import LOG_NAME, WorkerProcess
from app.domain.chat import Sampling
from app.domain.errors import BusyError, EngineError, NotTakenError
from app.worker.protocol import Load
from tests.worker.conftest import TinyRuns, question
from tests.worker.tiny import make_adapter, make_tokenizer

pytestmark = pytest.mark.training

LONG = Sampling(temperature=0.0, max_new_tokens=6000, repetition_penalty=1.0, guard_repetition=False)
SHORT = replace(LONG, max_new_tokens=8)
Ask = Callable[..., str]


def wait_until(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def is_gone(pid: int) -> bool:
    """Dead, also where nobody has yet asked for its exit code."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_an_answer_comes_in_pieces_and_the_pieces_are_the_whole_answer(
    engine: WorkerEngine, tiny_runs: TinyRuns
) -> None:
    sampling = Sampling(temperature=0.0, max_new_tokens=24, repetition_penalty=1.0)

    pieces = list(engine.generate(*question(tiny_runs.adapter, "Where does the ferry go?"), sampling))

    assert len(pieces) > 5
    assert "".join(pieces) == answer_of_plain_transformers(tiny_runs)


def answer_of_plain_transformers(runs: TinyRuns) -> str:
    """The same answer by the shortest possible script."""
    tokenizer = make_tokenizer()
    model = PeftModel.from_pretrained(LlamaForCausalLM.from_pretrained(runs.base), runs.adapter.output_dir)
    prompt = "<|im_start|>user\nWhere does the ferry go?<|im_end|>\n<|im_start|>assistant\n"
    ids = torch.tensor([tokenizer(prompt)["input_ids"]])
    ends = [tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("<|im_end|>")]
    output = model.generate(input_ids=ids, max_new_tokens=24, do_sample=False, eos_token_id=ends)
    return tokenizer.decode(output[0, ids.shape[1] :], skip_special_tokens=True)


def test_the_base_voice_differs_from_the_tuned_one(ask: Ask, tiny_runs: TinyRuns) -> None:
    tuned, base = ask(tiny_runs.adapter), ask(tiny_runs.adapter, voice="base")

    assert tuned != base
    assert ask(tiny_runs.adapter) == tuned


def test_whole_weights_and_their_base_model_take_turns_in_memory(ask: Ask, tiny_runs: TinyRuns) -> None:
    tuned, base = ask(tiny_runs.weights), ask(tiny_runs.weights, voice="base")

    assert tuned != base
    assert base == ask(tiny_runs.adapter, voice="base")


def test_a_seed_makes_sampling_repeatable_and_no_seed_does_not(ask: Ask, tiny_runs: TinyRuns) -> None:
    def sampled(seed: int | None) -> str:
        return ask(tiny_runs.adapter, temperature=1.0, seed=seed)

    assert sampled(7) == sampled(7)
    assert sampled(7) != sampled(8)
    assert sampled(None) != sampled(None)


def test_the_repetition_penalty_reaches_the_model(ask: Ask, tiny_runs: TinyRuns) -> None:
    def variety(penalty: float) -> int:
        return len(set(ask(tiny_runs.adapter, repetition_penalty=penalty, max_new_tokens=100)))

    assert variety(5.0) > variety(1.0)


def test_a_second_prompt_loads_nothing_again(engine: WorkerEngine, ask: Ask, tiny_runs: TinyRuns) -> None:
    ask(tiny_runs.adapter)
    pid, loads = engine.pid, loads_in_log(engine)

    ask(tiny_runs.adapter, "And back?")

    assert (engine.pid, loads_in_log(engine)) == (pid, loads)
    assert engine.status().state == "ready"


def loads_in_log(engine: WorkerEngine) -> int:
    return (engine._log_dir / LOG_NAME).read_bytes().count(b"INFO loaded on")


def test_a_run_that_was_trained_further_is_loaded_again(
    ask: Ask, tiny_runs: TinyRuns, tmp_path: Path
) -> None:
    run = replace(tiny_runs.adapter, folder=tmp_path)
    make_adapter(tiny_runs.base, tmp_path / "output", seed=5)
    before = ask(run)

    make_adapter(tiny_runs.base, tmp_path / "output", seed=6)

    assert ask(run) != before


@pytest.mark.skipif(sys.platform != "linux", reason="asks the OpenMP that PyTorch has on Linux")
def test_threads_that_wait_for_each_other_look_for_a_moment_and_then_sleep(
    ask: Ask, tiny_runs: TinyRuns, log_dir: Path
) -> None:
    ask(tiny_runs.adapter)

    assert "GOMP_SPINCOUNT = '10000'" in (log_dir / LOG_NAME).read_text()


def test_what_libraries_print_goes_to_the_log_and_not_between_the_replies(
    ask: Ask, tiny_runs: TinyRuns, log_dir: Path
) -> None:
    assert ask(tiny_runs.adapter)

    log = (log_dir / LOG_NAME).read_text()
    assert "a library prints\n" in log
    assert "a library writes without a line end" in log


def test_closing_the_iterator_stops_at_once_and_the_process_stays_usable(
    engine: WorkerEngine, ask: Ask, tiny_runs: TinyRuns
) -> None:
    answer = ask(tiny_runs.adapter)
    pid = engine.pid
    pieces = engine.generate(*question(tiny_runs.adapter, "Tell me everything."), LONG)
    next(pieces)

    started = time.monotonic()
    pieces.close()

    assert time.monotonic() - started < 1
    assert engine.status().state == "ready"
    assert ask(tiny_runs.adapter) == answer
    assert engine.pid == pid


def test_stop_ends_the_answer_at_once_and_the_process_stays_usable(
    engine: WorkerEngine, ask: Ask, tiny_runs: TinyRuns
) -> None:
    ask(tiny_runs.adapter)
    pid = engine.pid
    pieces = engine.generate(*question(tiny_runs.adapter, "Tell me everything."), LONG)
    next(pieces)

    started = time.monotonic()
    engine.stop()
    rest = list(pieces)

    assert time.monotonic() - started < 1
    assert len(rest) < 3000
    assert ask(tiny_runs.adapter)
    assert engine.pid == pid


class _Asked:
    """Wanted when the turn is taken, and no longer a moment later, before the engine knows of the answer."""

    def __init__(self) -> None:
        self.looks = 0

    def is_wanted(self) -> bool:
        self.looks += 1
        return self.looks < 2


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_stop_that_comes_before_the_engine_knows_of_the_question_holds(
    engine: WorkerEngine, ask: Ask, tiny_runs: TinyRuns, in_memory: bool
) -> None:
    whole = ask(tiny_runs.adapter)
    if not in_memory:
        engine.unload()
    pid, asked = engine.pid, _Asked()

    pieces = engine.generate(*question(tiny_runs.adapter, "Hi"), LONG, is_wanted=asked.is_wanted)

    assert list(pieces) == []
    assert asked.looks == 2
    assert (engine.pid, engine.status().state) == (pid, "ready" if in_memory else "idle")
    assert ask(tiny_runs.adapter) == whole


def test_stop_is_for_answers_of_the_same_asker_only(
    engine: WorkerEngine, ask: Ask, tiny_runs: TinyRuns
) -> None:
    whole = ask(tiny_runs.adapter)
    sampling = replace(LONG, max_new_tokens=24)
    pieces = engine.generate(*question(tiny_runs.adapter, "Where does the ferry go?"), sampling, None, "api")
    first = next(pieces)

    engine.stop()

    assert first + "".join(pieces) == whole


def test_tokens_are_counted_by_the_model_in_memory_and_by_no_other(
    engine: WorkerEngine, ask: Ask, tiny_runs: TinyRuns
) -> None:
    ask(tiny_runs.adapter)
    model, messages = question(tiny_runs.adapter, "Where does the ferry go?")

    assert engine.count_tokens(model, messages) == len(engine.render(model, messages)[1])
    assert engine.count_tokens(replace(model, voice="base"), messages) is not None
    assert engine.count_tokens(question(tiny_runs.weights, "Hi")[0], messages) is None
    pieces = engine.generate(model, messages, LONG)
    next(pieces)
    assert engine.count_tokens(model, messages) is None
    pieces.close()


def test_a_second_answer_at_the_same_time_is_refused_with_a_sentence(
    engine: WorkerEngine, tiny_runs: TinyRuns
) -> None:
    first = engine.generate(*question(tiny_runs.adapter, "Tell me everything."), LONG)
    next(first)

    with pytest.raises(EngineError, match="Another answer is being generated"):
        next(engine.generate(*question(tiny_runs.adapter, "Me too!"), LONG))

    assert next(first)
    first.close()


def test_a_prompt_longer_than_the_context_is_refused_with_both_numbers(ask: Ask, tiny_runs: TinyRuns) -> None:
    with pytest.raises(NotTakenError, match=r"90\d\d tokens long, and this model reads at most 8192"):
        ask(tiny_runs.adapter, "a" * 9000)

    assert ask(tiny_runs.adapter)


def test_half_a_surrogate_pair_in_the_prompt_or_a_stop_text_is_survived(
    ask: Ask, tiny_runs: TinyRuns
) -> None:
    assert ask(tiny_runs.adapter, "broken \ud83d emoji", stop=("\ud83d",))


def test_an_adapter_of_zeros_is_named_as_what_it_is(ask: Ask, tiny_runs: TinyRuns, tmp_path: Path) -> None:
    make_adapter(tiny_runs.base, tmp_path / "output", seed=5, strength=0)

    with pytest.raises(EngineError, match="The adapter is empty"):
        ask(replace(tiny_runs.adapter, folder=tmp_path))

    assert ask(tiny_runs.adapter)


def test_an_adapter_that_lacks_a_tensor_is_refused(ask: Ask, tiny_runs: TinyRuns, tmp_path: Path) -> None:
    make_adapter(tiny_runs.base, tmp_path / "output", seed=5)
    file = tmp_path / "output" / "adapter_model.safetensors"
    tensors = load_file(file)
    tensors.pop(min(tensors))
    save_file(tensors, file)

    with pytest.raises(EngineError, match="cannot be read, or does not fit its base model"):
        ask(replace(tiny_runs.adapter, folder=tmp_path))


def test_damaged_weights_are_refused_with_a_sentence(ask: Ask, tiny_runs: TinyRuns, tmp_path: Path) -> None:
    (tmp_path / "output").mkdir()
    for file in tiny_runs.base.iterdir():
        content = file.read_bytes()
        (tmp_path / "output" / file.name).write_bytes(
            content[:1000] if file.name == "model.safetensors" else content
        )

    with pytest.raises(EngineError, match="cannot be read"):
        ask(replace(tiny_runs.weights, folder=tmp_path))


def test_a_base_model_that_is_nowhere_on_this_computer_is_a_sentence(ask: Ask, tiny_runs: TinyRuns) -> None:
    config = tiny_runs.adapter.config.model_copy(update={"base_model": "nobody/has-this-model"})

    with pytest.raises(EngineError, match="not on this computer, and this run is offline"):
        ask(replace(tiny_runs.adapter, config=config))


class Hub(BaseHTTPRequestHandler):
    """Answers as the Hugging Face Hub does for repositories one may not, or cannot, have."""

    def do_HEAD(self) -> None:
        gated = "gated" in self.path
        self.send_response(403 if gated else 404)
        self.send_header("X-Error-Code", "GatedRepo" if gated else "RepoNotFound")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD

    def log_message(self, *_: object) -> None:
        pass


def test_what_the_hub_refuses_is_a_sentence_each(
    tiny_runs: TinyRuns, log_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=hub.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{hub.server_port}")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    engine = WorkerEngine(log_dir=log_dir)

    def asking(base_model: str) -> str:
        config = tiny_runs.adapter.config.model_copy(update={"base_model": base_model, "offline": False})
        with pytest.raises(EngineError) as caught:
            next(engine.generate(*question(replace(tiny_runs.adapter, config=config), "Hi"), LONG))
        return caught.value.message

    assert asking("acme/gated") == "acme/gated is gated on Hugging Face."
    assert asking("acme/unknown") == "acme/unknown is not on Hugging Face, or it is private."
    hub.shutdown()
    hub.server_close()
    assert asking("acme/any").endswith("Hugging Face cannot be reached.")
    engine.unload()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"output": None}, "This run has no model yet"),
        ({"output": "elsewhere"}, "output folder .* is missing"),
        ({"base_model": "/gone/model"}, "base model's folder /gone/model is missing"),
    ],
)
def test_missing_files_are_a_sentence_before_any_process_is_asked(
    tiny_runs: TinyRuns, log_dir: Path, change: dict[str, str | None], sentence: str
) -> None:
    engine = WorkerEngine(python="/no/python/here", log_dir=log_dir)
    base = change.pop("base_model", tiny_runs.adapter.config.base_model)
    config = tiny_runs.adapter.config.model_copy(update={"base_model": base})

    with pytest.raises(EngineError, match=sentence):
        next(engine.generate(*question(replace(tiny_runs.adapter, config=config, **change), "Hi"), LONG))


def test_a_python_that_is_not_there_is_a_sentence(tiny_runs: TinyRuns, log_dir: Path) -> None:
    engine = WorkerEngine(python="/no/python/here", log_dir=log_dir)

    with pytest.raises(EngineError, match="The model process cannot be started"):
        next(engine.generate(*question(tiny_runs.adapter, "Hi"), LONG))


def test_without_torch_the_error_says_what_to_install(
    tiny_runs: TinyRuns, log_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError('no torch', name='torch')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    engine = WorkerEngine(log_dir=log_dir)

    with pytest.raises(EngineError) as caught:
        next(engine.generate(*question(tiny_runs.adapter, "Hi"), LONG))

    assert 'pip install "tunewright[local]"' in caught.value.hint
    engine.unload()


def test_unload_ends_the_process_also_in_the_middle_of_an_answer(
    engine: WorkerEngine, tiny_runs: TinyRuns
) -> None:
    pieces = engine.generate(*question(tiny_runs.adapter, "Tell me everything."), LONG)
    next(pieces)
    pid = engine.pid or 0

    engine.unload()

    assert is_gone(pid)
    list(pieces)
    assert (engine.status().state, engine.pid) == ("idle", None)


def test_a_process_killed_while_generating_is_a_sentence_and_the_next_prompt_is_answered(
    engine: WorkerEngine, ask: Ask, tiny_runs: TinyRuns
) -> None:
    pieces = engine.generate(*question(tiny_runs.adapter, "Tell me everything."), LONG)
    next(pieces)

    os.kill(engine.pid or 0, 9)

    with pytest.raises(EngineError, match="killed from outside"):
        list(pieces)
    assert engine.status().state == "error"
    assert ask(tiny_runs.adapter)


def test_a_process_killed_while_idle_shows_in_the_status_and_the_next_prompt_is_answered(
    engine: WorkerEngine, ask: Ask, tiny_runs: TinyRuns
) -> None:
    ask(tiny_runs.adapter)

    os.kill(engine.pid or 0, 9)

    wait_until(lambda: engine.status().state == "error")
    assert "killed from outside" in engine.status().message
    assert ask(tiny_runs.adapter)
    assert engine.status().state == "ready"


def test_a_question_to_a_process_that_is_being_killed_is_answered_by_a_fresh_one(
    engine: WorkerEngine, ask: Ask, tiny_runs: TinyRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, pid = ask(tiny_runs.adapter), engine.pid or 0
    monkeypatch.setattr(WorkerProcess, "has_ended", False)  # as it seems for some milliseconds

    os.kill(pid, 9)
    wait_until(lambda: is_gone(pid))

    assert ask(tiny_runs.adapter) == answer
    assert engine.pid != pid


CRASHING = """#!{python}
import json, sys
with open({starts!r}, "a") as file:
    file.write("started;")
for line in sys.stdin:
    said = json.loads(line)
    if said["kind"] == "load":
        print('{{"kind": "ready", "device": "cpu", "seconds": 1, "memory_bytes": 1}}', flush=True)
    elif said["messages"][0]["content"] == "crash":
        sys.exit(3)
    else:
        print('{{"kind": "done", "id": %d, "prompt_tokens": 1, "tokens": 0, "seconds": 1, '
              '"finish_reason": "stop"}}' % said["id"], flush=True)
"""


def test_a_question_that_crashes_its_process_is_asked_twice_at_most(
    tiny_runs: TinyRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python, starts = tmp_path / "python", tmp_path / "starts"
    python.write_text(CRASHING.format(python=sys.executable, starts=str(starts)))
    python.chmod(0o755)
    engine = WorkerEngine(str(python), log_dir=tmp_path)
    assert list(engine.generate(*question(tiny_runs.adapter, "Hi"), LONG)) == []

    with pytest.raises(EngineError, match="ended unexpectedly"):
        list(engine.generate(*question(tiny_runs.adapter, "crash"), LONG))

    assert starts.read_text() == "started;" * 2
    assert engine.pid is None


def test_a_model_nobody_talks_to_is_let_go_of(
    engine: WorkerEngine, ask: Ask, tiny_runs: TinyRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_idle_minutes", lambda: 0.2 / 60)

    assert ask(tiny_runs.adapter)

    wait_until(lambda: engine.pid is None)
    assert engine.status().state == "idle"


def in_thread(engine: WorkerEngine, runs: TinyRuns) -> tuple[threading.Thread, list[str], list[EngineError]]:
    """Ask from another thread, after letting go of the process; returns when it is loading."""
    pieces: list[str] = []
    errors: list[EngineError] = []

    def ask() -> None:
        try:
            pieces.extend(engine.generate(*question(runs.adapter, "Hi"), LONG))
        except EngineError as error:
            errors.append(error)

    engine.unload()
    thread = threading.Thread(target=ask)
    thread.start()
    wait_until(lambda: engine.status().state == "loading")
    return thread, pieces, errors


def test_a_process_killed_while_loading_is_a_sentence(engine: WorkerEngine, tiny_runs: TinyRuns) -> None:
    thread, pieces, errors = in_thread(engine, tiny_runs)

    os.kill(engine.pid or 0, 9)
    thread.join(20)

    assert ["killed from outside" in str(error) for error in errors] == [True]
    assert not pieces


def test_questions_wait_for_a_model_that_is_loaded_and_can_be_stopped_meanwhile(
    engine: WorkerEngine, tiny_runs: TinyRuns
) -> None:
    model, messages = question(tiny_runs.adapter, "Hi")
    engine.unload()
    loads = loads_in_log(engine)
    loading = threading.Thread(target=engine.load, args=(model,))
    loading.start()
    wait_until(lambda: engine.status().state == "loading")
    answers: dict[str, list[str]] = {}
    asking = [
        threading.Thread(
            target=lambda who: answers.update(
                {who: list(engine.generate(model, messages, SHORT, None, who))}
            ),
            args=(who,),
        )
        for who in ("me", "another")
    ]
    for thread in asking:
        thread.start()
    wait_until(lambda: len(engine._turn._waiting) == len(asking))

    engine.stop("another")
    asking[1].join(20)
    assert answers == {"another": []}
    for thread in (loading, asking[0]):
        thread.join(60)

    assert answers["me"]
    assert loads_in_log(engine) == loads + 1


def test_a_question_while_a_model_is_loaded_for_another_is_refused_with_that_as_the_reason(
    engine: WorkerEngine, tiny_runs: TinyRuns
) -> None:
    thread, _, _ = in_thread(engine, tiny_runs)

    with pytest.raises(BusyError, match="A model is being loaded"):
        next(engine.generate(*question(tiny_runs.adapter, "Me too!"), LONG))

    engine.stop()
    thread.join(20)


def test_stop_while_loading_lets_go_of_the_model_without_an_error(
    engine: WorkerEngine, tiny_runs: TinyRuns
) -> None:
    thread, pieces, errors = in_thread(engine, tiny_runs)
    pid = engine.pid or 0

    engine.stop()
    thread.join(20)

    assert (pieces, errors, engine.status().state) == ([], [], "idle")
    assert is_gone(pid)


APP = """
import sys
from pathlib import Path
from app.adapters.worker_process import WorkerProcess
from app.worker.protocol import Load, Ready

process = WorkerProcess(sys.executable, Path(sys.argv[1]), offline=True, token=None)
process.send(Load(base_model=sys.argv[2], words=sys.argv[3], adapter=sys.argv[3]))
while not isinstance(process.receive(), Ready):
    pass
print(process.pid, flush=True)
process.receive()
"""
"""Waits, with a model in memory that has nothing to say: who says something notices a broken pipe anyway."""


def test_the_process_ends_with_an_app_that_is_killed(tiny_runs: TinyRuns, log_dir: Path) -> None:
    command = [
        sys.executable,
        "-c",
        APP,
        str(log_dir),
        str(tiny_runs.base),
        str(tiny_runs.adapter.output_dir),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as app:
        assert app.stdout is not None
        worker = int(app.stdout.readline())
        assert not is_gone(worker)

        app.kill()

    try:
        wait_until(lambda: is_gone(worker), seconds=5)
    finally:
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)


def test_the_process_ends_when_its_stdin_closes_even_while_it_imports_torch(
    tiny_runs: TinyRuns, log_dir: Path
) -> None:
    process = WorkerProcess(sys.executable, log_dir, offline=True, token=None)
    folder = str(tiny_runs.adapter.output_dir)
    process.send(Load(base_model=str(tiny_runs.base), words=folder, adapter=folder))
    process.receive()

    process._child._process.stdin.close()

    assert process._child._process.wait(5) == 0
    process.end()


@pytest.mark.parametrize(
    ("token", "offline", "expected"), [("hf_x", False, "hf_x"), ("hf_x", True, None), (None, False, None)]
)
def test_the_token_reaches_the_process_by_its_environment_only_when_it_is_given_and_of_use(
    log_dir: Path, monkeypatch: pytest.MonkeyPatch, token: str | None, offline: bool, expected: str | None
) -> None:
    monkeypatch.setenv("HF_TOKEN", "of-the-shell")
    process = WorkerProcess(sys.executable, log_dir, offline=offline, token=token)

    wait_until(psutil.Process(process.pid).environ)
    environment = psutil.Process(process.pid).environ()
    assert environment.get("HF_TOKEN") == expected
    assert environment.get("HF_HUB_OFFLINE") == ("1" if offline else None)
    process.end()


def test_the_app_can_import_the_engine_without_torch() -> None:
    program = "import sys, app.adapters.worker_engine; print({'torch', 'transformers'} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"
