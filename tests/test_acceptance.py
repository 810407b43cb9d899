"""What docs/acceptance.md names as evidence exists."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EVIDENCE = re.compile(r"`([\w./-]+\.(?:py|md|png|toml)|Makefile)(?:::(\w+))?`")


def evidence() -> list[tuple[str, str]]:
    return EVIDENCE.findall((ROOT / "docs/acceptance.md").read_text(encoding="utf-8"))


def test_every_piece_of_evidence_is_there():
    missing = [
        f"{path}::{name}"
        for path, name in evidence()
        if not (ROOT / path).exists()
        or (name and f"def {name}(" not in (ROOT / path).read_text(encoding="utf-8"))
    ]

    assert len(evidence()) > 30
    assert missing == []


def test_every_row_has_evidence():
    lines = (ROOT / "docs/acceptance.md").read_text(encoding="utf-8").splitlines()
    rows = [
        line for line in lines if line.startswith("|") and not re.match(r"\|[-| ]+\||\| (Row|What) \|", line)
    ]

    assert [row for row in rows if not EVIDENCE.search(row)] == []


OF_OTHER_ISSUES = {64, 73, 89, 96, 97, 98, 99}
"""Rows of the source documents that nobody has come to yet."""
NAMED = re.compile(r"\b([TBS])-?(\d+)(?:\s*(?:…|to)\s*[TBS]-?(\d+))?")


def test_every_row_that_is_asked_for_has_its_line():
    lines = (ROOT / "docs/acceptance.md").read_text(encoding="utf-8").splitlines()
    told = {
        f"{kind}-{number}"
        for line in lines
        if line.startswith("|")
        for kind, first, last in NAMED.findall(line.split("|")[1])
        for number in range(int(first), int(last or first) + 1)
    }
    asked = {("T", 40), ("B", 18), ("S", 105)}
    wanted = {f"{kind}-{number}" for kind, most in asked for number in range(1, most + 1)}

    assert wanted - told == {f"S-{number}" for number in OF_OTHER_ISSUES}
