"""Import only the files of tests that a run's `-m` can want something of: torch alone takes seconds.

What marks a file's tests bear is told from its text and that of what lies beside it. Each file is imported in
at least one stage, and a mark of a test there which was not foreseen ends that run: none is left out unseen.
"""

import re
from collections.abc import Iterator
from functools import cache
from itertools import combinations
from pathlib import Path

import pytest

MARKS = frozenset({"training", "docker", "browser"})
_MARK = re.compile(rf"pytest\.mark\.({'|'.join(sorted(MARKS))})\b")
_OF_ALL = re.compile(r"^pytestmark = (?:\[.*?\]$|[^\n]*)", re.MULTILINE | re.DOTALL)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    asked = str(config.getoption("markexpr"))
    if not collection_path.match("test_*.py") or not asked:
        return None
    return None if any(satisfies(marks, asked) for marks in possible(collection_path)) else True


def pytest_itemcollected(item: pytest.Item) -> None:
    marks = {mark.name for mark in item.iter_markers()} & MARKS
    if marks not in possible(item.path):
        raise pytest.UsageError(f"{item.nodeid}: the file's text does not tell of all of {sorted(marks)}")


def satisfies(marks: frozenset[str], asked: str) -> bool:
    """Also true of what is asked in words that are not known here."""
    try:
        return bool(eval(asked, {"__builtins__": {}}, {mark: mark in marks for mark in MARKS}))
    except (NameError, SyntaxError):
        return True


@cache
def possible(file: Path) -> list[frozenset[str]]:
    """Each set of marks that a test of the file may bear."""
    text = file.read_text(encoding="utf-8")
    of_all = frozenset(mark for found in _OF_ALL.findall(text) for mark in _MARK.findall(found))
    of_some = frozenset(_MARK.findall(text + _beside(file.parent))) - of_all
    return [of_all | more for more in _subsets(of_some)]


@cache
def _beside(folder: Path) -> str:
    """What tests of a folder take their fixtures and parameters from."""
    return "".join(
        file.read_text(encoding="utf-8") for file in folder.glob("*.py") if not file.match("test_*.py")
    )


def _subsets(marks: frozenset[str]) -> Iterator[frozenset[str]]:
    return (frozenset(some) for count in range(len(marks) + 1) for some in combinations(marks, count))
