"""What the model answers while it learns."""

# ruff: noqa: PLC0415 — torch and its friends take seconds: only the tests that need them pay

import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from trainer_image.config import SAMPLE_COMMAND, RunConfig
from trainer_image.events import Evaluation, Notice, Sample

from . import tiny
from .prepared import pair, tokens_of, write

pytestmark = pytest.mark.training
Train = Callable[..., tiny.Ran]
ASIDE = [pair(f"Which river runs through {city}?", f"The {city}a.") for city in ("Ivo", "Jam", "Kel")]


def measured(folder: Path, model: Path, **settings: Any) -> Path:
    """A run that measures at steps 6 and 12."""
    file = {"validation": "file", "validation_file": "data/aside.jsonl", "eval_steps": 6, "load_best": False}
    tiny.make_run(folder, model, **file, **settings)
    write(folder / "data" / "aside.jsonl", ASIDE)
    return folder


def greedy(model: Path, question: str) -> str:
    """The answer of a saved model, by transformers alone."""
    from transformers import AutoModelForCausalLM

    words = tiny.tokenizer()
    chat = [{"role": "user", "content": question}]
    ids = words.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    made = AutoModelForCausalLM.from_pretrained(model).generate(
        **ids, do_sample=False, max_new_tokens=20, eos_token_id=words.eos_token_id
    )
    return words.decode(made[0, ids["input_ids"].shape[1] :], skip_special_tokens=True).strip()


def test_at_each_measurement_it_answers_as_the_model_of_that_step_would(
    tiny_model: Path, tmp_path: Path, train_here: Train
) -> None:
    ran = train_here(measured(tmp_path / "run", tiny_model, samples=2, sample_tokens=20))

    samples = ran.of(Sample)
    steps = [e.step for e in ran.of(Evaluation) for _ in "ab"]
    assert [s.step for s in samples] == [0, 0, 6, 6, 12, 12] == steps
    assert [s.reference for s in samples[-2:]] == ["The Ivoa.", "The Jama."]
    assert samples[-2].prompt == "Which river runs through Ivo?"
    asked = [row["prompt"] for row in ASIDE[:2]]
    assert [s.answer for s in samples[:2]] == [greedy(tiny_model, question) for question in asked]
    assert [s.answer for s in samples[-2:]] == [greedy(ran.folder / "output", question) for question in asked]


def test_a_run_with_samples_trains_exactly_as_one_without(
    tiny_model: Path, tmp_path: Path, train_here: Train
) -> None:
    method = {"kind": "lora", "lora_dropout": 0.2}

    with_samples = train_here(measured(tmp_path / "with", tiny_model, method=method, samples=3))
    without = train_here(measured(tmp_path / "without", tiny_model, method=method, samples=0))

    assert without.of(Sample) == []
    assert tiny.losses(with_samples) == tiny.losses(without)


def test_a_file_asks_for_samples_while_the_run_goes_on(tiny_model: Path, tmp_path: Path) -> None:
    folder = tiny.make_run(tmp_path / "run", tiny_model, num_epochs=100, save_steps=1000, samples=1)
    process = tiny.start(folder)
    tiny.wait_for(process, lambda line: "Training" in line)

    wish = folder / SAMPLE_COMMAND
    wish.parent.mkdir()
    wish.touch()
    ran = tiny.finish(process, folder)

    [sample] = ran.of(Sample)
    assert ran.code == 0
    assert 0 < sample.step < 200
    assert sample.reference in {json_answer(line) for line in (folder / "data/train.jsonl").open()}


def json_answer(line: str) -> str:
    return str(json.loads(line)["messages"][1]["content"])


def test_the_last_question_of_a_conversation_is_told_apart_or_all_of_it_shown() -> None:
    from trainer_image.sampling import QuestionText

    words = tiny.tokenizer()
    talk = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello?"},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "Which way?"},
    ]
    show = QuestionText(words)

    def tokens(messages: list[dict[str, str]]) -> list[int]:
        text = words.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return list(words(text, add_special_tokens=False).input_ids)

    assert show(tokens(talk)) == "Which way?"
    assert show(tokens(talk[:2])) == "Hello?"
    assert show(words("Just text.").input_ids) == "Just text."
    words.chat_template = None
    assert "Which way?" in QuestionText(words)(tokens_with(tiny.CHATML, talk))


def tokens_with(template: str, messages: list[dict[str, str]]) -> list[int]:
    words = tiny.tokenizer()
    words.chat_template = template
    return list(
        words(words.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)).input_ids
    )


class Ill:
    """A model that cannot answer."""

    training = True
    device = "cpu"

    def eval(self) -> None: ...

    def train(self, mode: bool) -> None:
        self.training = mode

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("not today")


def test_what_goes_wrong_is_said_once_and_the_run_goes_on(tmp_path: Path) -> None:
    from trainer_image.reporting import Reporter
    from trainer_image.sampling import Samples

    rows = tokens_of([(5, False), (6, False), (7, True)])
    config = RunConfig(base_model="any")
    samples = Samples(rows, tiny.tokenizer(), config, Reporter(tmp_path))
    model = Ill()

    for step in (1, 2):
        samples.take(model, step, nullcontext())

    [notice] = tiny.Ran(tmp_path, 0, "").of(Notice)
    assert "not today" in notice.message
    assert model.training


@pytest.mark.parametrize("whole", [{"unmask_messages": True}, {"is_pretraining": True, "block_size": 8}])
def test_rows_learnt_whole_have_no_question_and_whoever_asks_is_told(
    whole: dict[str, Any], tmp_path: Path
) -> None:
    from trainer_image.data import TrainingRows
    from trainer_image.reporting import Reporter
    from trainer_image.sampling import Samples

    config = RunConfig(base_model="any", **whole)
    samples = Samples(TrainingRows(), tiny.tokenizer(), config, Reporter(tmp_path))

    samples.explain_none()

    [notice] = tiny.Ran(tmp_path, 0, "").of(Notice)
    assert "no questions" in notice.message


def test_a_gpu_that_does_not_tell_is_not_asked_again() -> None:
    from trainer_image.gpu import Gauge

    asked: list[int] = []

    def ask() -> float:
        asked.append(1)
        raise RuntimeError("no NVML")

    gauge = Gauge(ask)

    assert [gauge.read(), gauge.read()] == [None, None]
    assert asked == [1]
    assert Gauge(lambda: 63).read() == 63.0
