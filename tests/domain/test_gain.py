"""What a run gained is told against its base model, or not at all."""

from app.domain.gain import gain
from tests.domain.curves_by_hand import measured


def test_a_gain_needs_a_measurement_before_and_one_since():
    assert gain(measured((0, 2.5), (20, 1.25), (40, 1.5))) == "2.500 → 1.250"
    assert gain(measured((20, 1.25), (40, 1.5))) == ""
    assert gain(measured((0, 2.5))) == ""
