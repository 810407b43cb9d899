"""How near an answer is to the wanted one, by the examples of the paper that defines the measure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.answer_scores import is_exact, rouge_l

TEXTS = st.text(alphabet="ab ,.", max_size=12)


@pytest.mark.parametrize(
    ("answer", "score"),
    [("police kill the gunman", 0.75), ("the gunman kill police", 0.5), ("the gunman police killed", 0.5)],
)
def test_rouge_l_is_what_the_paper_says_of_its_own_examples(answer: str, score: float) -> None:
    assert rouge_l(answer, "police killed the gunman") == score


def test_rouge_l_weighs_what_is_too_much_and_what_is_missing() -> None:
    assert rouge_l("At 8:00.", "at 8 00, every day") == pytest.approx(2 * 3 / (3 + 5))
    assert rouge_l("", "word") == 0.0
    assert rouge_l("…", "") == 1.0
    assert rouge_l("日本 の 海", "日本 の 山") == pytest.approx(2 / 3)


@given(TEXTS, TEXTS)
def test_rouge_l_is_between_none_and_all_and_the_same_both_ways(one: str, other: str) -> None:
    assert 0.0 <= rouge_l(one, other) == rouge_l(other, one) <= 1.0
    assert rouge_l(one, one) == 1.0


def test_exact_is_every_word_and_sign_whatever_the_spaces() -> None:
    assert is_exact(" At  8:00.\n", "At 8:00.")
    assert not is_exact("at 8:00.", "At 8:00.")
    assert not is_exact("At 8:00", "At 8:00.")
