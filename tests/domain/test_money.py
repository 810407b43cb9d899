"""Money as it is shown: two decimals, a cost never too low, an account never too rich."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.money import credit, money, typed_money

DOLLARS = st.floats(0, 10_000)


def read(shown: str) -> float:
    return float(shown.replace("$", "").replace(",", ""))


@given(DOLLARS)
def test_money_is_never_shown_below_what_it_is(dollars: float):
    assert round(dollars, 9) - 1e-8 <= read(money(dollars)) < dollars + 0.01


@given(DOLLARS)
def test_an_account_is_never_shown_above_what_it_has(dollars: float):
    assert dollars - 0.01 < read(credit(dollars)) <= round(dollars, 9) + 1e-8


@pytest.mark.parametrize("cents", [0, 29, 57, 110, 115, 150, 1999, 123_450])
def test_what_is_whole_cents_is_shown_as_it_is(cents: int):
    said = f"${cents // 100:,}.{cents % 100:02}"

    assert (money(cents / 100), credit(cents / 100)) == (said, said)


def test_a_debt_is_shown_as_one():
    assert (credit(-0.501), money(-0.5)) == ("-$0.51", "-$0.50")


@given(DOLLARS)
def test_what_stands_in_a_field_is_the_same_number_again(dollars: float):
    assert float(typed_money(dollars)) == dollars


def test_a_field_has_no_decimals_or_two():
    assert [typed_money(value) for value in (5.0, 0.5, 0.39, 0.345)] == ["5", "0.50", "0.39", "0.345"]
