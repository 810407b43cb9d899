"""What a trainer's events say in the timeline."""

import pytest

from app.domain.timeline import as_timeline
from trainer_image.events import Memory

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
