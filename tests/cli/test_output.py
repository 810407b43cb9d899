"""What people see in a terminal stays in its columns."""

import os
import subprocess
import sys

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


def test_what_is_said_takes_the_place_of_progress_and_never_follows_it_on_its_line():
    ours, theirs = os.openpty()
    say = (
        "from app.cli.output import Output; output = Output(as_json=False);"
        "tell = output.counting('rows read'); tell(500); tell(1000);"
        "output.say('1,000 rows imported.'); output.say('Done.')"
    )

    subprocess.run([sys.executable, "-c", say], stdout=theirs, stderr=theirs, check=True)
    os.close(theirs)
    seen = os.read(ours, 65536).decode()
    os.close(ours)

    assert "1,000 rows read" in seen
    lines = [line.split("\r\x1b[K")[-1] for line in seen.split("\r\n")]
    assert lines == ["1,000 rows imported.", "Done.", ""]
