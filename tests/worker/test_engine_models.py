"""The engine with its real process: several models, what is told of an answer, being killed at any moment."""

import os
import random
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from app.adapters.worker_engine import WorkerEngine
from app.domain.chat import AnswerFacts, Sampling
from app.domain.errors import EngineError
from app.domain.talkers import LoadableModel, Placing
from app.services.talkers import model_of
from app.worker.generation import render
from tests.worker.conftest import TinyRuns, question
from tests.worker.test_engine import LONG, Ask
from tests.worker.tiny import make_adapter, make_tokenizer

pytestmark = pytest.mark.training

SHORT = Sampling(temperature=0.0, max_new_tokens=12, repetition_penalty=1.0)
HELLO = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def adapters(tiny_runs: TinyRuns, tmp_path: Path) -> list[LoadableModel]:
    made = []
    for seed in (21, 22):
        make_adapter(tiny_runs.base, tmp_path / str(seed), seed=seed)
        run = replace(tiny_runs.adapter, folder=tmp_path, output=str(seed))
        made.append(model_of(run, "tuned"))
    return made


def test_two_adapters_and_their_base_take_turns_in_one_process(
    engine: WorkerEngine, adapters: list[LoadableModel]
) -> None:
    voices = [*adapters, replace(adapters[0], voice="base")]
    first = ["".join(engine.generate(model, HELLO, SHORT)) for model in voices]
    pid = engine.pid

    again = ["".join(engine.generate(model, HELLO, SHORT)) for model in voices]

    assert again == first
    assert len(set(first)) == 3
    assert engine.pid == pid


def test_what_is_in_memory_is_held_with_all_that_can_join_its_base(
    engine: WorkerEngine, adapters: list[LoadableModel], tiny_runs: TinyRuns
) -> None:
    whole = model_of(tiny_runs.weights, "tuned")
    engine.unload()
    assert not engine.holds(adapters[0])

    engine.load(adapters[0])

    held = [*adapters, replace(adapters[0], voice="base")]
    assert [engine.holds(model) for model in held] == [True] * 3
    assert [engine.is_loaded(model) for model in held] == [True, False, True]
    assert not engine.holds(replace(adapters[0], placing=Placing("8bit")))
    assert not engine.holds(whole)
    engine.unload()
    assert not engine.holds(adapters[0])
    assert not engine.is_loaded(adapters[0])


def test_how_an_answer_was_made_and_what_is_in_memory_is_told(
    engine: WorkerEngine, adapters: list[LoadableModel]
) -> None:
    facts: list[AnswerFacts] = []

    pieces = list(engine.generate(adapters[0], HELLO, SHORT, facts.append))

    _, ids = render(make_tokenizer(), HELLO)
    assert (facts[0].prompt_tokens, facts[0].finish_reason) == (len(ids), "length")
    assert facts[0].tokens == 12 >= len(pieces)
    loaded = engine.status().loaded
    assert loaded is not None
    assert (loaded.label, bool(loaded.adapter_effect), loaded.memory_bytes > 100_000) == ("tiny", True, True)


def test_what_the_model_reads_is_shown_without_generating(
    engine: WorkerEngine, adapters: list[LoadableModel]
) -> None:
    assert engine.render(adapters[0], HELLO) == render(make_tokenizer(), HELLO)


def test_a_device_this_computer_lacks_is_refused_and_the_process_stays_usable(
    engine: WorkerEngine, adapters: list[LoadableModel], ask: Ask, tiny_runs: TinyRuns
) -> None:
    with pytest.raises(EngineError, match="no Apple GPU"):
        engine.load(replace(adapters[0], placing=Placing(device="mps")))

    assert ask(tiny_runs.adapter)


def test_a_cancel_is_heard_within_a_few_tokens(engine: WorkerEngine, tiny_runs: TinyRuns) -> None:
    """`benchmarks/first_token.py` measures how long it takes; here it is counted in what was generated."""
    facts: list[AnswerFacts] = []
    pieces = engine.generate(*question(tiny_runs.adapter, "Tell me everything."), LONG, facts.append)
    for _ in range(20):
        next(pieces)

    engine.stop()

    assert list(pieces) == []
    assert facts[0].finish_reason == "cancelled"
    assert facts[0].tokens < LONG.max_new_tokens / 2


@pytest.mark.parametrize("seed", [1])
def test_a_process_killed_at_a_random_moment_takes_nothing_along(
    engine: WorkerEngine, tiny_runs: TinyRuns, ask: Ask, seed: int
) -> None:
    """`benchmarks/worker_kills.py` does it for longer."""
    answer = ask(tiny_runs.adapter)
    pieces = engine.generate(*question(tiny_runs.adapter, "Tell me everything."), LONG)
    for _ in range(random.Random(seed).randrange(1, 60)):
        next(pieces)

    os.kill(engine.pid or 0, 9)

    with pytest.raises(EngineError, match="killed from outside"):
        list(pieces)
    assert ask(tiny_runs.adapter) == answer


@pytest.mark.parametrize("seed", range(2))
def test_a_process_killed_while_it_starts_loads_answers_or_rests_comes_back(
    engine: WorkerEngine, tiny_runs: TinyRuns, ask: Ask, seed: int
) -> None:
    """`benchmarks/worker_kills.py` does it for longer."""
    answer = ask(tiny_runs.adapter)
    engine.unload()
    killer = threading.Timer(random.Random(seed).uniform(1, 8), kill, [engine])

    killer.start()
    with suppress(EngineError):  # unless it was killed after it had answered
        assert ask(tiny_runs.adapter) == answer
    killer.join()

    assert ask(tiny_runs.adapter) == answer


def kill(engine: WorkerEngine) -> None:
    if engine.pid is not None:
        os.kill(engine.pid, 9)
