"""Talking to a GGUF file: llama.cpp answers as PyTorch does, in the same process, and gives way again."""

from collections.abc import Callable
from pathlib import Path

import pytest

from app.adapters.worker_engine import WorkerEngine
from app.domain.chat import AnswerFacts, Sampling
from app.domain.errors import EngineError
from app.domain.exports import Quantization
from app.domain.talkers import LoadableModel, ModelRef
from app.services.talkers import gguf_in
from app.worker.exporting.gguf_file import write_gguf

pytestmark = pytest.mark.training

MODEL = Path(__file__).parents[2] / "assets" / "tiny-model"
ASKED = [{"role": "user", "content": "When does the ferry leave?"}]
GREEDY = Sampling(temperature=0.0, max_new_tokens=32, repetition_penalty=1.0)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gguf") / "ferry.gguf"
    write_gguf(MODEL, path, Quantization.F16, lambda _: None)
    return path


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory):
    engine = WorkerEngine(log_dir=tmp_path_factory.mktemp("logs"))
    yield engine
    engine.unload()


def whole(path: Path) -> LoadableModel:
    return LoadableModel(path.stem, str(path), str(path), offline=True)


def answer(
    engine: WorkerEngine, path: Path, told: Callable[[AnswerFacts], None] | None = None, **how: object
) -> str:
    sampling = Sampling(**{**vars(GREEDY), **how})
    return "".join(engine.generate(whole(path), ASKED, sampling, told))


def test_a_gguf_answers_as_the_model_it_was_made_of_and_they_take_turns(
    talk: WorkerEngine, file: Path
) -> None:
    before, facts = answer(talk, MODEL), []
    by_llama = answer(talk, file, facts.append)
    after = answer(talk, MODEL)

    assert before == by_llama == after != ""
    assert facts[0].finish_reason == "stop"
    assert facts[0].tokens > 2
    assert list(talk.render(whole(file), ASKED)[1]) == list(talk.render(whole(MODEL), ASKED)[1])


def test_a_stop_text_and_the_longest_answer_end_it(talk: WorkerEngine, file: Path) -> None:
    facts: list[AnswerFacts] = []
    text = answer(talk, file, facts.append)

    stopped = answer(talk, file, facts.append, stop=(text[3],))
    short = answer(talk, file, facts.append, max_new_tokens=2)

    assert stopped == text[:3]
    assert text.startswith(short)
    assert [one.finish_reason for one in facts] == ["stop", "stop_string", "length"]


def test_a_stopped_answer_leaves_the_process_ready(talk: WorkerEngine, file: Path) -> None:
    pieces = talk.generate(whole(file), ASKED, GREEDY)
    next(pieces)
    talk.stop()
    list(pieces)

    assert answer(talk, file) != ""


def test_a_damaged_file_is_one_sentence(talk: WorkerEngine, file: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(file.read_bytes()[:5000])

    with pytest.raises(EngineError, match=r"llama\.cpp cannot load the file"):
        answer(talk, broken)


def test_a_folder_with_one_gguf_means_that_file_and_with_two_none(file: Path, tmp_path: Path) -> None:
    assert gguf_in(file) == file
    assert gguf_in(file.parent) == file
    for name in ("a.gguf", "b.gguf"):
        (tmp_path / name).write_bytes(b"x")
    assert gguf_in(tmp_path) is None
    assert ModelRef.parse(f"folder:{file}").name == str(file)
