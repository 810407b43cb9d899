"""Talking to a GGUF file: llama.cpp answers as PyTorch does, in the same process, and gives way again."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from app.adapters.worker_engine import WorkerEngine
from app.domain.chat import AnswerFacts, Sampling
from app.domain.errors import EngineError, NotTakenError
from app.domain.exports import Quantization
from app.domain.talkers import LoadableModel, ModelRef
from app.services.talkers import gguf_in
from app.worker import gguf_model
from app.worker.exporting.gguf_file import write_gguf
from app.worker.gguf_header import cache_bytes_a_token, header_of
from app.worker.gguf_model import GgufModel, context_of
from app.worker.protocol import Done, Generate, Load, Token
from tests.exporting.test_parity import family_model
from tests.worker.test_refusing import GEMMA_2

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


def test_a_template_that_refuses_says_what_it_wants_and_the_file_stays_open(
    talk: WorkerEngine, tmp_path: Path
) -> None:
    strict = tmp_path / "strict"
    shutil.copytree(MODEL, strict)
    words = AutoTokenizer.from_pretrained(strict)
    words.chat_template = GEMMA_2
    words.save_pretrained(strict)
    write_gguf(strict, file := tmp_path / "strict.gguf", Quantization.F16, lambda _: None)
    answer(talk, file)
    pid = talk.pid

    with pytest.raises(NotTakenError, match="turns that alternate"):  # a system prompt llama.cpp joins itself
        list(talk.generate(whole(file), [*ASKED, *ASKED], GREEDY))

    assert answer(talk, file)
    assert talk.pid == pid


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


def test_a_file_says_how_far_its_model_reads_and_memory_decides(file: Path, tmp_path: Path) -> None:
    config = json.loads((MODEL / "config.json").read_text())
    each = 2 * config["num_hidden_layers"] * config["num_key_value_heads"] * config["head_dim"] * 2

    assert cache_bytes_a_token(header_of(file)) == each
    assert context_of(file, 8 * 10**9) == config["max_position_embeddings"]
    assert context_of(file, file.stat().st_size + 4 * each * 700) == 512
    (tmp_path / "broken.gguf").write_bytes(file.read_bytes()[:60])
    assert context_of(tmp_path / "broken.gguf", 8 * 10**9) == 4096


def test_a_conversation_that_does_not_fit_is_said(talk: WorkerEngine, file: Path) -> None:
    most = json.loads((MODEL / "config.json").read_text())["max_position_embeddings"]

    with pytest.raises(NotTakenError, match=f"{most:,} are the most that this model reads here"):
        list(talk.generate(whole(file), [{"role": "user", "content": "a b c d " * most}], GREEDY))


def test_an_answer_that_fills_the_context_says_so(tmp_path: Path) -> None:
    babbling = tmp_path / "babbling.gguf"
    write_gguf(family_model(tmp_path / "model", "chatml"), babbling, Quantization.F16, lambda _: None)
    model, question = GgufModel(loading(babbling)), Messages("a b c d " * 50)
    try:
        assert model.context == 512
        _, done = answered(model, question.text, max_new_tokens=400)
    finally:
        model.close()

    assert done.finish_reason == "context"
    assert done.prompt_tokens + done.tokens <= 512


def test_a_cancel_while_the_prompt_is_read_ends_it_before_the_first_token(file: Path) -> None:
    model, asked, said = GgufModel(loading(file)), iter([False, True]), []
    try:
        done = model.generate(
            Messages("a b c d " * 400).asking(8), said.append, cancelled=lambda: next(asked, True)
        )
        after = model.generate(Messages("Hi").asking(4), said.append, cancelled=lambda: False)
    finally:
        model.close()

    assert (done.finish_reason, done.tokens) == ("cancelled", 0)
    assert done.prompt_tokens > 800
    assert after.tokens > 0


def answered(model: GgufModel, text: str, **how: object) -> tuple[str, Done]:
    said: list[str] = []
    sampling = Sampling(**{**vars(GREEDY), "guard_repetition": False, **how})
    request = Generate(id=1, messages=[{"role": "user", "content": text}], sampling=sampling)
    done = model.generate(request, lambda token: said.append(token.text), cancelled=lambda: False)
    return "".join(said), done


def test_an_answer_that_ends_at_once_is_no_piece(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, said = GgufModel(loading(file)), list[Token]()
    end = {"content": "", "stop": True, "tokens": [], "stop_type": "eos", "tokens_predicted": 1}
    monkeypatch.setattr(model._llama, "stream", lambda *_, **__: (one for one in [end]))
    try:
        done = model.generate(Messages("Hi").asking(8), said.append, cancelled=lambda: False)
    finally:
        model.close()

    assert (said, done.finish_reason, done.tokens) == ([], "stop", 1)


def test_a_penalty_for_repetition_is_not_for_the_end_of_turn_in_the_prompt(file: Path) -> None:
    """Which is just before the answer; penalised, it would come late or not at all."""
    model = GgufModel(loading(file))
    try:
        plain, done = answered(model, "How old is the lighthouse?")
        penalised, ended = answered(model, "How old is the lighthouse?", repetition_penalty=3.0)
    finally:
        model.close()

    assert (penalised, ended.tokens, ended.finish_reason) == (plain, done.tokens, "stop")


@pytest.fixture(scope="module")
def babbling(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("babbling")
    write_gguf(family_model(folder / "model", "chatml"), folder / "m.gguf", Quantization.F16, lambda _: None)
    model = GgufModel(loading(folder / "m.gguf"))
    yield model
    model.close()


def test_an_answer_that_is_asked_for_in_parts_is_the_same_as_in_one(file: Path, monkeypatch) -> None:
    monkeypatch.setattr(gguf_model, "_PARTS", ((0, 2), (2, 2), (4, 1), (5, 1 << 31)))
    model = GgufModel(loading(file))
    try:
        for question in ("When does the ferry leave?", "How old is the lighthouse?"):
            whole = answered(model, question)
            parts = answered(model, question, repetition_penalty=1.000001)

            assert whole[1].tokens > 5
            assert (parts[0], parts[1].tokens, parts[1].finish_reason) == (
                whole[0],
                whole[1].tokens,
                whole[1].finish_reason,
            )
    finally:
        model.close()


def test_an_answer_of_odd_characters_is_counted_to_its_last_token(babbling: GgufModel) -> None:
    """llama.cpp holds back tokens that make no whole character yet, and never names them."""
    for penalty in (1.0, 1.000001):
        _, done = answered(babbling, "日本 🛶 a b c", max_new_tokens=120, repetition_penalty=penalty)

        assert (done.tokens, done.finish_reason) == (120, "length")


def test_a_penalty_does_keep_an_answer_from_saying_the_same_again(babbling: GgufModel) -> None:
    plain, _ = answered(babbling, "a b c", max_new_tokens=200)

    penalised, _ = answered(babbling, "a b c", max_new_tokens=200, repetition_penalty=1.5)

    assert penalised != plain


def test_a_stop_text_is_found_wherever_the_parts_of_an_answer_meet(babbling: GgufModel) -> None:
    text, _ = answered(babbling, "a b c", max_new_tokens=60, repetition_penalty=1.000001)

    for start in range(4, len(text) - 6, 5):
        stop = text[start : start + 6]
        said, done = answered(babbling, "a b c", max_new_tokens=60, repetition_penalty=1.000001, stop=(stop,))
        assert (said, done.finish_reason) == (text[: text.find(stop)], "stop_string")


@pytest.mark.parametrize(
    ("stop", "heard"), [((), "a 🛶é|END| b"), (("|END|",), "a 🛶é"), (("🛶é",), "a "), (("é|E",), "a 🛶")]
)
def test_what_is_split_over_several_tokens_comes_out_whole_and_ends_an_answer(
    babbling: GgufModel, monkeypatch, stop: tuple[str, ...], heard: str
) -> None:
    """A grammar leaves llama.cpp nothing else to say."""
    plain = gguf_model._settings
    words = {"grammar": 'root ::= "a 🛶é|END| b"'}
    monkeypatch.setattr(gguf_model, "_settings", lambda *given, **how: plain(*given, **how) | words)
    pieces: list[str] = []
    request = Generate(id=1, messages=ASKED, sampling=replace(GREEDY, stop=stop))

    done = babbling.generate(request, lambda token: pieces.append(token.text), cancelled=lambda: False)

    assert "".join(pieces) == heard
    assert done.finish_reason == ("stop_string" if stop else "stop")
    assert all("\ufffd" not in piece for piece in pieces)
    assert stop or done.tokens > len(heard) + 1


def test_what_nobody_has_chosen_is_as_the_file_has_it(tmp_path: Path) -> None:
    source = shutil.copytree(MODEL, tmp_path / "model")
    settings = json.loads((source / "generation_config.json").read_text())
    (source / "generation_config.json").write_text(
        json.dumps(settings | {"do_sample": True, "top_k": 1, "top_p": 1.0})
    )
    write_gguf(source, tmp_path / "m.gguf", Quantization.F16, lambda _: None)
    model = GgufModel(loading(tmp_path / "m.gguf"))
    hot = {"temperature": 50.0, "min_p": 0.0, "max_new_tokens": 16}
    try:
        likeliest, _ = answered(model, "When does the ferry leave?")
        own = {answered(model, "When does the ferry leave?", seed=n, **hot)[0] for n in range(4)}
        hot |= {"top_k": 0, "top_p": 1.0}
        chosen = {answered(model, "When does the ferry leave?", seed=n, **hot)[0] for n in range(4)}
    finally:
        model.close()

    assert own == {likeliest}
    assert len(chosen) > 1


def loading(file: Path) -> Load:
    return Load(base_model=str(file), words=str(file))


class Messages:
    def __init__(self, text: str) -> None:
        self.text = text

    def asking(self, most: int) -> Generate:
        sampling = Sampling(temperature=0.0, max_new_tokens=most, guard_repetition=False)
        return Generate(id=1, messages=[{"role": "user", "content": self.text}], sampling=sampling)
