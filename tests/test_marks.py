"""A run imports what its marks can want something of, and a test it could miss ends it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import marks

BOTH = "@pytest.mark.training\ndef test_long(): pass\n\ndef test_short(): pass\n"
LONG = "pytestmark = pytest.mark.training\n\ndef test_long(): pass\n"
ALSO = "pytestmark = [\n    pytest.mark.training,\n    pytest.mark.docker,\n]\n\ndef test_long(): pass\n"
OF_A_FIXTURE = "@pytest.fixture(params=[pytest.param(1, marks=pytest.mark.docker)])\ndef place(): ...\n"


@pytest.fixture
def ignored(tmp_path: Path, pytestconfig: pytest.Config, monkeypatch) -> Callable[[str, str], bool]:
    def is_ignored(text: str, asked: str) -> bool:
        marks.possible.cache_clear()
        marks._beside.cache_clear()
        (file := tmp_path / "test_one.py").write_text(text)
        monkeypatch.setattr(pytestconfig.option, "markexpr", asked)
        return bool(marks.pytest_ignore_collect(file, pytestconfig))

    return is_ignored


@pytest.mark.parametrize(
    ("text", "asked", "wanted"),
    [
        (BOTH, "training", True),
        (BOTH, "not training", True),
        (BOTH, "docker", False),
        (LONG, "not training and not docker", False),
        (LONG, "training and not docker", True),
        (ALSO, "training and not docker", False),
        (ALSO, "docker and not browser", True),
        (BOTH, "a_mark_of_another", True),
        (BOTH, "", True),
    ],
)
def test_a_file_is_imported_where_one_of_its_tests_may_be_asked_for(ignored, text, asked, wanted):
    assert ignored(text, asked) is not wanted


def test_the_marks_of_a_folders_fixtures_count(ignored, tmp_path):
    (tmp_path / "conftest.py").write_text(OF_A_FIXTURE)

    assert not ignored(BOTH, "docker")


def test_a_mark_that_the_text_does_not_tell_ends_the_run(request, monkeypatch, tmp_path):
    (file := tmp_path / "test_one.py").write_text("def test_short(): pass\n")
    monkeypatch.setattr(request.node, "path", file)

    marks.pytest_itemcollected(request.node)
    request.node.add_marker(pytest.mark.docker)
    with pytest.raises(pytest.UsageError, match="docker"):
        marks.pytest_itemcollected(request.node)
