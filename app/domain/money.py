"""Dollars as people read them: what costs is never shown too low, what is there never too high."""

from math import ceil, floor
from typing import Final

_DECIMALS: Final = 6
"""Of a cent that are told apart: 1.1 * 100 is 110.00000000000001, and not a cent more than $1.10."""


def money(dollars: float) -> str:
    """A price or a cost, rounded up to a cent: the sum of what is shown is never below what is billed."""
    return _written(ceil(_cents(dollars)))


def credit(dollars: float) -> str:
    """What an account has, rounded down to a cent."""
    return _written(floor(_cents(dollars)))


def _cents(dollars: float) -> float:
    return round(dollars * 100, _DECIMALS)


def _written(cents: int) -> str:
    return f"{'-' * (cents < 0)}${abs(cents) / 100:,.2f}"


def typed_money(dollars: float) -> str:
    """As it stands in a field: 5, 0.50, and never another number than it is."""
    exact = f"{dollars:.2f}".removesuffix(".00")
    return exact if float(exact) == dollars else repr(dollars)
