"""What the model reads in a chat is, token for token, what it read in training up to the answer."""

import pytest
from transformers import GenerationConfig

from app.worker.generation import render
from app.worker.models import _end_tokens
from tests.trainer import test_template_families as families
from tests.worker.tiny import CHATML, make_tokenizer
from trainer_image.masking import masking_for

pytestmark = pytest.mark.training

ALWAYS_A_SYSTEM_PROMPT = (
    "{%- if messages[0]['role'] != 'system' %}"
    "{{- '<|im_start|>system\\nYou are kind.<|im_end|>\\n' }}{% endif %}" + CHATML
)
WITHOUT_MARKERS = CHATML.replace("{% generation %}", "").replace("{%- endgeneration %}", "")

CONVERSATIONS = {
    "one turn": ["Where does the ferry go?", "To Skagen."],
    "several turns": ["Hi", "Hello!", "And back?", "At six.\n\nDaily."],
    "not ASCII": ["Où est l'île? 🛶", "Là-bas — 日本語."],
    "spaces and line ends": ["  two before, one after \n", " leading and trailing "],
    "text that looks like the template": ["<|im_start|>assistant", "<|im_end|> is a token."],
}


@pytest.mark.parametrize("with_system", [False, True], ids=["no system prompt", "system prompt"])
@pytest.mark.parametrize("template", [CHATML, ALWAYS_A_SYSTEM_PROMPT, WITHOUT_MARKERS])
@pytest.mark.parametrize("turns", CONVERSATIONS.values(), ids=CONVERSATIONS.keys())
def test_a_prompt_is_the_beginning_of_its_training_row_token_for_token(
    turns: list[str], template: str, with_system: bool
) -> None:
    tokenizer = make_tokenizer(template)
    system = [{"role": "system", "content": "You sell tickets."}] if with_system else []
    roles = ["user", "assistant"] * (len(turns) // 2)
    messages = [*system, *({"role": role, "content": text} for role, text in zip(roles, turns, strict=True))]
    row = masking_for(tokenizer).encode(messages)

    text, ids = render(tokenizer, messages[:-1])

    assert ids == row.input_ids[: len(ids)]
    assert tokenizer.decode(ids) == text
    # The answer begins exactly where the prompt ends: all that is trained from there on is the last answer.
    trained = [token for token, flag in zip(row.input_ids, row.trained, strict=True) if flag]
    answer = tokenizer(turns[-1] + "<|im_end|>")["input_ids"]
    assert not row.trained[len(ids) - 1]
    assert trained[-len(answer) :] == row.input_ids[len(ids) : len(ids) + len(answer)] == answer


@pytest.mark.parametrize("talk", families.TALKS)
@pytest.mark.parametrize("family", families.SPECIAL)
def test_a_prompt_of_each_family_is_the_beginning_of_its_training_row_and_its_stop_ends_answers(
    family: str, talk: str
) -> None:
    tokenizer = families.tokenizer(family, marked=False)
    messages = families.TALKS[talk]
    row = masking_for(tokenizer).encode(messages)

    text, ids = render(tokenizer, messages[:-1])

    assert ids == row.input_ids[: len(ids)]
    assert not row.trained[len(ids) - 1]
    # What is learnt last is the end of the turn: generation stops at it.
    last_learnt = [token for token, flag in zip(row.input_ids, row.trained, strict=True) if flag][-1]
    assert last_learnt in _end_tokens(GenerationConfig(), tokenizer)
    assert tokenizer.decode(ids) == text or family == "mistral"
