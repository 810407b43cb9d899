"""What a person entered."""

import pytest

from app.ui.kit.entered import whole


@pytest.mark.parametrize(("typed", "number"), [("0", 0), ("344", 344), ("9" * 15, 10**15 - 1)])
def test_a_whole_number_is_one(typed, number):
    assert whole(typed) == number


@pytest.mark.parametrize("typed", ["", "-3", "1.5", "1e3", " 7", "٣", "²", "nine", "9" * 5000])
def test_nothing_else_is_one_however_long(typed):
    assert whole(typed) is None
