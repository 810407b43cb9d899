"""Three questions come to the method that the guides' table has, with the reason."""

import pytest

from app.domain.questions import Answers, recommended


@pytest.mark.parametrize(
    ("goal", "keep", "matters", "method", "bits"),
    [
        ("unsure", "unsure", "unsure", "lora", ""),
        ("style", "yes", "result", "lora", ""),
        ("style", "no", "unsure", "lora", ""),
        ("knowledge", "yes", "unsure", "osft", ""),
        ("knowledge", "unsure", "unsure", "osft", ""),
        ("knowledge", "no", "result", "sft", ""),
        ("everything", "no", "result", "sft", ""),
        ("everything", "unsure", "unsure", "sft", ""),
        ("everything", "yes", "result", "osft", ""),
        ("knowledge", "yes", "memory", "lora", "4"),
        ("everything", "no", "memory", "lora", "4"),
    ],
)
def test_answers_choose_the_method(goal, keep, matters, method, bits):
    found = recommended(Answers(goal, keep, matters))

    assert (found.method, found.bits) == (method, bits)
    assert found.why.startswith({"lora": "QLoRA" if bits else "LoRA"}.get(method, method.upper()))


def test_no_answer_promises_that_nothing_is_forgotten():
    assert "it does not forget nothing" in recommended(Answers("knowledge", "yes")).why
