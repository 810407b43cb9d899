"""`tunewright export`: from a finished run to a file that is listed, with a truthful exit code."""

import json
from pathlib import Path

import pytest

from app.adapters.sqlite.engine import open_database
from app.adapters.sqlite.runs import SqliteRunStore
from app.paths import Paths
from tests.cli.conftest import Shell
from tests.exporting.conftest import MODEL, finished_run

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def ended(shell: Shell) -> Shell:
    """A home with a run that has ended."""
    paths = Paths(shell.home)
    paths.make()
    run = finished_run(paths.outputs, MODEL, name="Ferry talk")
    database = open_database(paths.database)
    SqliteRunStore(database).add(run)
    SqliteRunStore(database).update(run.id, lambda _: run)
    database.dispose()
    return shell


def test_a_run_becomes_a_gguf_that_is_listed_and_deleted(ended: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "to go"

    said = ended.ok(
        "export",
        "Ferry talk",
        "--format",
        "gguf",
        "--quantization",
        "q4_k_m",
        "--to",
        str(folder),
        "--prompts",
        "2",
        "--on",
        "cpu",
    )

    assert "of this computer's memory." in said
    assert "✓ It reads and answers as in training." in said
    assert "✓ The text becomes the same tokens." in said
    [listed] = ended.json("exports", "list")
    assert (listed["label"], listed["folder"], listed["passed"]) == ("GGUF Q4_K_M", str(folder), True)
    assert json.loads((folder / "certificate.json").read_text())["export"] == listed["id"]
    ended.ok("exports", "delete", listed["id"])
    assert not folder.exists()


def test_an_estimate_writes_nothing_and_a_full_folder_is_refused(ended: Shell, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    words = ("export", "Ferry talk", "--format", "gguf", "--to", str(tmp_path))

    found = ended.json(*words, "--estimate")
    code, _, error = ended.run(*words)

    assert 2_500_000 < found["size_bytes"] < 3_500_000
    assert code != 0
    assert "There is something in" in error
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
