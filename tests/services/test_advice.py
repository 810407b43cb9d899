"""Rules of thumb at the borders where they change."""

import pytest

from app.domain.advice import (
    advice_on_batch,
    advice_on_epochs,
    advice_on_learning_rate,
    suggest_batch,
    suggest_learning_rate,
)


@pytest.mark.parametrize(
    ("rows", "batch"), [(1, 32), (499, 32), (500, 64), (999, 64), (1000, 128), (10_000, 128), (10_001, 256)]
)
def test_more_rows_suggest_a_larger_batch(rows, batch):
    assert suggest_batch(rows) == batch


@pytest.mark.parametrize("method", ["sft", "osft"])
@pytest.mark.parametrize(
    ("rows", "parameters", "rate"),
    [
        (999, None, 5e-6),
        (1000, None, 2e-6),
        (10_000, None, 2e-6),
        (10_001, None, 1e-6),
        (999, 6_999_999_999, 5e-6),
        (999, 7_000_000_000, 1e-6),
    ],
)
def test_more_rows_or_a_large_model_suggest_a_lower_rate(method, rows, parameters, rate):
    assert suggest_learning_rate(method, rows, parameters) == rate


@pytest.mark.parametrize("rows", [1, 10_001])
def test_lora_starts_cautiously_whatever_the_rows(rows):
    assert suggest_learning_rate("lora", rows) == 1e-5
    assert "up to 0.0001" in advice_on_learning_rate("lora", rows)


def test_advice_is_a_sentence_with_the_numbers():
    assert (
        advice_on_learning_rate("sft", 1200)
        == "A start for 1,200 rows is 0.000002; lower for models of 7B and more."
    )
    assert advice_on_batch(999) == "A start for 999 rows is 64."


@pytest.mark.parametrize(
    ("rows", "epochs", "is_said"), [(999, 4, True), (999, 3, False), (1000, 4, False), (10, None, False)]
)
def test_many_epochs_over_few_rows_are_warned_of_beside_the_form(rows, epochs, is_said):
    assert bool(advice_on_epochs(rows, epochs)) == is_said
