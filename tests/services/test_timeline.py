"""Events of the trainer as sentences."""

from typing import get_args

import pytest

from app.domain.timeline import BUCKETS, as_timeline
from trainer_image.events import Evaluation, Memory, Overfitting, Plan, Rows
from trainer_image.rows import Bucket


def text(event: Evaluation | Rows) -> str:
    entry = as_timeline(event)
    assert entry
    return entry.text


def test_the_row_ledger_says_what_was_used_kept_aside_and_left_out():
    event = Rows(
        total=1344,
        buckets={"trained": 1320, "validation": 17, "duplicate": 4, "refused_by_template": 2, "too_short": 1},
        truncated=3,
    )

    assert text(event) == (
        "1,344 rows in, 1,320 used for training (3 of those kept were cut to the longest length), "
        "17 kept aside for validation; left out: 4 seen before, 2 refused by the model's chat template, "
        "1 too short"
    )


def test_rows_that_are_all_used_are_no_warning():
    entry = as_timeline(Rows(total=40, buckets={"trained": 24, "validation": 16}))

    assert entry
    assert entry.level == "info"


def test_every_bucket_an_import_knows_has_words():
    assert set(get_args(Bucket)) <= set(BUCKETS)


def test_a_measurement_says_whether_it_is_the_best():
    assert text(Evaluation(step=25, loss=1.23456, best=True)) == "Validation loss 1.2346, the best so far"
    assert text(Evaluation(step=0, loss=2.25, best=False)) == "Validation loss before training 2.2500"
    assert text(Evaluation(step=50, loss=1.5, best=False)) == "Validation loss 1.5000"


GUESS = Memory(low=3 * 10**9, expected=4 * 10**9, high=5 * 10**9, terms={"context": 10**9}, available=None)


@pytest.mark.parametrize(
    ("available_gb", "end", "level"),
    [
        (80, "80.00 GB there", "info"),
        (4.5, "4.50 GB there: it may not fit", "info"),
        (3.5, "3.50 GB there: it will probably not fit", "warning"),
    ],
)
def test_an_estimate_is_held_against_the_memory_there_is(available_gb: float, end: str, level: str) -> None:
    entry = as_timeline(GUESS.model_copy(update={"available": int(available_gb * 1e9)}))

    assert entry is not None
    assert entry.text == f"Memory: about 4.00 GB expected (3.00 GB to 5.00 GB), {end}"
    assert entry.level == level


def test_a_measured_peak_stands_beside_the_estimate_of_the_same_without_the_gpus_own_context() -> None:
    entry = as_timeline(GUESS.model_copy(update={"peak": 2_900_000_000}))

    assert entry is not None
    assert entry.text == "Memory: 2.90 GB measured on the longest rows; 3.00 GB were estimated"


def test_the_plan_of_documents_counts_blocks():
    plan = Plan(
        total_steps=4,
        num_rows=3,
        unit="blocks",
        effective_batch_size=1,
        parameters=10,
        trainable_parameters=1,
    )

    entry = as_timeline(plan)

    assert entry
    assert "4 steps of 1 examples, 3 blocks; trains" in entry.text


def test_overfitting_points_to_the_best_step():
    entry = as_timeline(Overfitting(step=50, best_step=20, best_loss=1.25))

    assert entry
    assert (entry.level, entry.step) == ("warning", 50)
    assert "The best model is that of step 20 (validation loss 1.2500)" in entry.text
