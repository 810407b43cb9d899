"""Templates that refuse: Gemma 2's and the first Mistral's, word for word where it matters."""

from dataclasses import replace
from pathlib import Path

import pytest

from app.adapters.worker_engine import WorkerEngine
from app.domain.chat import Sampling
from app.domain.errors import NotTakenError
from app.domain.talkers import LoadableModel
from app.services.talkers import model_of
from tests.worker.conftest import TinyRuns
from tests.worker.tiny import make_tokenizer

pytestmark = pytest.mark.training

GEMMA_2 = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}{% for message in messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if (message['role'] == 'assistant') %}{% set role = 'model' %}"
    "{% else %}{% set role = message['role'] %}{% endif %}"
    "{{ '<start_of_turn>' + role + '\\n' + message['content'] | trim + '<end_of_turn>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{'<start_of_turn>model\\n'}}{% endif %}"
)
MISTRAL_1 = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token }}"
    "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}"
)
SHORT = Sampling(temperature=0.0, max_new_tokens=4, repetition_penalty=1.0)
HELLO = {"role": "user", "content": "Hello"}
SYSTEM = {"role": "system", "content": "Be brief."}


@pytest.fixture(params=[GEMMA_2, MISTRAL_1], ids=["gemma", "mistral"])
def strict(request: pytest.FixtureRequest, tiny_runs: TinyRuns, tmp_path: Path) -> LoadableModel:
    """The tiny model with words that refuse."""
    make_tokenizer(request.param).save_pretrained(tmp_path)
    return replace(model_of(tiny_runs.adapter, "tuned"), words=str(tmp_path))


@pytest.mark.parametrize(
    ("messages", "wanted"),
    [([SYSTEM, HELLO], "takes no system prompt"), ([HELLO, HELLO], "turns that alternate")],
    ids=["system", "twice"],
)
def test_what_a_template_refuses_is_said_and_the_model_stays_in_memory(
    engine: WorkerEngine, strict: LoadableModel, messages: list[dict[str, str]], wanted: str
) -> None:
    list(engine.generate(strict, [HELLO], SHORT))
    pid = engine.pid

    with pytest.raises(NotTakenError, match=wanted):
        list(engine.generate(strict, messages, SHORT))
    with pytest.raises(NotTakenError, match=wanted):
        engine.render(strict, messages)

    assert engine.pid == pid
    assert list(engine.generate(strict, [HELLO], SHORT))
    assert engine.pid == pid
