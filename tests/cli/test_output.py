"""What people see in a terminal stays in its columns."""

import pytest

from app.cli.output import Output


def test_a_name_of_several_lines_stands_in_one_line_of_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    names = ["a\nb\tc", "up\x1b[KKwards", "sep\u2028arated", "Größe 🚢"]

    Output(as_json=False).table(["name", "rows"], [(name, 1) for name in names])

    heading, *lines, end = capsys.readouterr().out.split("\n")
    assert [line.rpartition("  ")[0].rstrip() for line in lines] == [
        "a b c",
        "up [KKwards",
        "sep arated",
        "Größe 🚢",
    ]
    assert {line.index("1") for line in lines[:3]} == {heading.index("rows")}
    assert end == ""
