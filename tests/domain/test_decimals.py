"""Small numbers as people type them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.decimals import plain, rounded


@pytest.mark.parametrize(
    ("value", "said"),
    [(1e-05, "0.00001"), (2e-4, "0.0002"), (5e-6, "0.000005"), (1.2345678e-5, "0.000012345678"), (1.0, "1")],
)
def test_small_numbers_are_said_without_an_exponent(value, said):
    assert plain(value) == said


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_what_is_said_reads_back_as_exactly_the_number(value):
    assert float(plain(value)) == value


def test_what_was_worked_out_is_said_with_six_digits():
    assert (rounded(2e-4 / 3), rounded(5e-5)) == ("0.0000666667", "0.00005")
