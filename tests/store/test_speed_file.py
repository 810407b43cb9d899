"""Measured speeds on disk."""

from datetime import UTC, datetime
from pathlib import Path

from app.adapters.speed_file import MOST_LINES, SpeedFile
from app.domain.speeds import MeasuredSpeed


def speed(number: int) -> MeasuredSpeed:
    return MeasuredSpeed("model", "lora", "rows", float(number), None, datetime.fromtimestamp(number, UTC))


def test_the_newest_come_first_and_a_torn_line_is_passed_over(tmp_path: Path) -> None:
    kept = SpeedFile(tmp_path / "cache" / "speeds.jsonl")
    kept.add(speed(1))
    with (tmp_path / "cache" / "speeds.jsonl").open("ab") as file:
        file.write(b'{"model": "mo')

    kept.add(speed(2))

    assert kept.newest_first() == [speed(2), speed(1)]
    assert SpeedFile(tmp_path / "none.jsonl").newest_first() == []


def test_the_older_half_goes_when_there_are_too_many(tmp_path: Path) -> None:
    kept = SpeedFile(tmp_path / "speeds.jsonl")
    for number in range(MOST_LINES + 1):
        kept.add(speed(number))

    assert [each.seconds_per_example for each in kept.newest_first()][:: MOST_LINES // 2] == [400.0, 200.0]
