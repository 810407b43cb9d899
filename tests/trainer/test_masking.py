"""Which tokens carry loss, for templates with and without markers."""

from typing import Any

import pytest

from trainer_image.masking import encode_by_markers, encode_by_prefixes, masking_for
from trainer_image.problems import RunFailedError
from trainer_image.rows import to_messages

from . import tiny

pytestmark = pytest.mark.training

CHAT = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Which river runs through Arn?"},
    {"role": "assistant", "content": "The arna."},
    {"role": "user", "content": "  And  through Bel? \n"},
    {"role": "assistant", "content": "\nThe bela… é 🌊\n"},
]
LLAMA = (
    "<|endoftext|>{% for m in messages %}<|im_start|>{{ m['role'] }}\n\n{{ m['content'] | trim }}<|im_end|>"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n\n{% endif %}"
)
FORGETS_THOUGHTS = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['role'] == 'assistant' and loop.last %}<think>hm</think>{% endif %}"
    "{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
OPENS_A_THOUGHT = tiny.CHATML_WITHOUT_MARKERS.replace(
    "<|im_start|>assistant\n{% endif %}", "<|im_start|>assistant\n<think>{% endif %}"
)
END_OUTSIDE = tiny.CHATML.replace("<|im_end|>\n{% endgeneration %}", "{% endgeneration %}<|im_end|>\n")
NO_END = (
    "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)


@pytest.fixture(scope="module")
def words() -> Any:
    return tiny.tokenizer()


def with_template(words: Any, template: str | None) -> Any:
    words.chat_template = template
    return words


def trained_text(words: Any, encoded: Any) -> list[str]:
    """The runs of trained tokens, as text."""
    runs: list[list[int]] = [[]]
    for token, trained in zip(encoded.input_ids, encoded.trained, strict=True):
        if trained:
            runs[-1].append(token)
        elif runs[-1]:
            runs.append([])
    return [words.decode(run) for run in runs if run]


def test_only_the_answers_and_their_end_of_turn_carry_loss(words: Any) -> None:
    encoded = encode_by_markers(with_template(words, tiny.CHATML), CHAT)

    assert trained_text(words, encoded) == ["The arna.<|im_end|>", "\nThe bela… é 🌊\n<|im_end|>"]


def test_both_ways_give_the_same_tokens_and_mask(words: Any) -> None:
    with_template(words, tiny.CHATML)

    assert encode_by_prefixes(words, CHAT) == encode_by_markers(words, CHAT)


def test_a_template_without_markers_gives_the_mask_of_the_one_with_them(words: Any) -> None:
    expected = encode_by_markers(with_template(words, tiny.CHATML), CHAT)

    masking = masking_for(with_template(words, tiny.CHATML_WITHOUT_MARKERS))

    assert masking.encode(CHAT) == expected
    assert masking.notices == []


def test_a_template_that_writes_its_own_beginning_gets_it_once(words: Any) -> None:
    encoded = masking_for(with_template(words, LLAMA)).encode(CHAT)

    begin = words.convert_tokens_to_ids("<|endoftext|>")
    assert encoded.input_ids.count(begin) == 1
    assert trained_text(words, encoded) == ["The arna.<|im_end|>", "The bela… é 🌊<|im_end|>"]


@pytest.mark.parametrize("template", [tiny.CHATML, tiny.CHATML_WITHOUT_MARKERS])
def test_an_answer_of_weight_0_is_read_and_not_learnt(words: Any, template: str) -> None:
    chat = to_messages({"messages": [{**m, "weight": 0} if at == 2 else m for at, m in enumerate(CHAT)]})
    masking = masking_for(with_template(words, template))

    encoded, whole = masking.encode(list(chat)), masking.encode(CHAT)

    assert encoded.input_ids == whole.input_ids
    assert trained_text(words, whole)[0] == "The arna.<|im_end|>"
    assert trained_text(words, encoded) == trained_text(words, whole)[1:]
    assert encoded.lost_answers == 0


def test_answers_that_the_template_rewrites_later_are_left_out_and_counted(words: Any) -> None:
    encoded = masking_for(with_template(words, FORGETS_THOUGHTS)).encode(CHAT)

    assert trained_text(words, encoded) == ["<think>hm</think>\nThe bela… é 🌊\n<|im_end|>"]
    assert encoded.lost_answers == 1


def test_a_prompt_that_opens_a_thought_does_not_lose_the_answer(words: Any) -> None:
    encoded = masking_for(with_template(words, OPENS_A_THOUGHT)).encode(CHAT)

    assert trained_text(words, encoded) == ["The arna.<|im_end|>", "\nThe bela… é 🌊\n<|im_end|>"]
    assert encoded.lost_answers == 0


def test_markers_that_leave_the_end_of_turn_out_are_put_right_with_a_notice(words: Any) -> None:
    masking = masking_for(with_template(words, END_OUTSIDE))

    assert trained_text(words, masking.encode(CHAT))[0] == "The arna.<|im_end|>"
    assert "end-of-turn" in masking.notices[0]


def test_a_template_without_an_end_of_turn_gets_a_warning(words: Any) -> None:
    masking = masking_for(with_template(words, NO_END))

    assert trained_text(words, masking.encode(CHAT))[0].strip() == "The arna."
    assert "may not learn to stop" in masking.notices[0]


def test_a_model_without_a_chat_template_is_refused(words: Any) -> None:
    with pytest.raises(RunFailedError, match="no chat template"):
        masking_for(with_template(words, None))


@pytest.mark.parametrize("encode", [encode_by_markers, encode_by_prefixes])
def test_an_answer_that_is_the_very_beginning_is_learnt_but_for_its_first_token(
    words: Any, encode: Any
) -> None:
    bare = (
        "{% for m in messages %}{% generation %}{{ m['content'] }}<|im_end|>{% endgeneration %}{% endfor %}"
    )

    encoded = encode(with_template(words, bare), [{"role": "assistant", "content": "abc"}])

    assert encoded.trained == [False] + [True] * (len(encoded.input_ids) - 1)  # nothing predicts the first
