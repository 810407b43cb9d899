"""Small numbers as people type them."""

from decimal import Decimal
from typing import Final

_LEAST: Final = 1e-9
"""Smaller ones would be a row of zeros that nobody counts."""


def plain(value: float) -> str:
    """Shortest text that reads back as this number, 0.00001 rather than 1e-05."""
    short = f"{value:g}"
    text = short if "e+" not in short and float(short) == value else repr(value)
    return f"{Decimal(text):f}" if "e-" in text and abs(value) >= _LEAST else text


def rounded(value: float) -> str:
    """Alike, of its first six digits: of what was worked out, not typed."""
    return plain(float(f"{value:g}"))
