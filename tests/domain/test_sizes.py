import pytest

from app.domain.sizes import sized, sized_of


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1_000, "1.0 kB"),
        (34_000, "34.0 kB"),
        (2_400_000, "2.4 MB"),
        (16_100_000_000, "16.1 GB"),
    ],
)
def test_a_small_file_is_never_said_to_have_no_size(size: int, words: str):
    assert sized(size) == words


@pytest.mark.parametrize(
    ("done", "whole", "words"),
    [
        (0, 900, "0 of 900 bytes"),
        (1_000, 2_500_000, "0.0 of 2.5 MB"),
        (300_000_000, 1_500_000_000, "0.3 of 1.5 GB"),
    ],
)
def test_both_of_a_part_and_its_whole_are_in_the_wholes_unit(done: int, whole: int, words: str):
    assert sized_of(done, whole) == words


def test_ends_of_a_range_are_in_the_unit_of_the_larger():
    assert sized(676_900_000, beside=1_800_000_000) == "0.7 GB"
