"""Files people pick for an import: good ones, broken ones, and ones of another kind."""

import json
import os
import tempfile
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest

from app.adapters.row_sources import RowSources
from app.domain.errors import ImportFailedError
from trainer_image.rows import Refused, Row

from . import children, examples

GOOD = json.dumps({"prompt": "Does it run?", "completion": "Yes. 🚢"}, ensure_ascii=False)


def _file(folder: Path, content: str | bytes, name: str = "rows.jsonl") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def _read(path: Path) -> list[Row | Refused]:
    return list(RowSources().read_file(path))


def _refusal(path: Path) -> ImportFailedError:
    with pytest.raises(ImportFailedError) as refusal:
        RowSources().read_file(path)
    return refusal.value


@pytest.mark.parametrize(
    "content",
    [
        f"{GOOD}\n{GOOD}\n",
        f"{GOOD}\n{GOOD}",
        f"{GOOD}\r\n{GOOD}\r\n",
        f"\ufeff{GOOD}\n{GOOD}\n",
        f"\n\n{GOOD}\n   \n{GOOD}\n\n",
    ],
    ids=["plain", "no newline at the end", "Windows line ends", "byte order mark", "blank lines"],
)
def test_rows_are_read_however_the_file_was_saved(tmp_path: Path, content: str) -> None:
    rows = _read(_file(tmp_path, content))

    assert [row.messages for row in rows if isinstance(row, Row)] == [
        examples.messages("Does it run?", "Yes. 🚢")
    ] * 2


def test_each_broken_line_is_refused_with_its_number_and_reason(tmp_path: Path) -> None:
    empty_answer = json.dumps({"prompt": "Well?", "completion": "  "})
    lines = [GOOD, "{broken", '"text"', "", empty_answer, '{"a": 1}', GOOD]

    found = _read(_file(tmp_path, "\n".join(lines)))

    assert [row.line for row in found if isinstance(row, Row)] == [1, 7]
    refused = {row.line: row for row in found if isinstance(row, Refused)}
    assert "not JSON" in refused[2].reason
    assert "not a JSON object" in refused[3].reason
    assert refused[5].bucket == "empty_answer"
    assert "no known format: the row has a" in refused[6].reason


def test_bytes_that_are_no_text_refuse_only_their_line(tmp_path: Path) -> None:
    found = _read(_file(tmp_path, GOOD.encode() + b"\n\xff\xfe\xfa\n" + GOOD.encode()))

    assert [type(row) for row in found] == [Row, Refused, Row]


def test_a_line_of_100_mb_is_refused_in_flat_memory(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with path.open("w") as file:
        file.write(GOOD + '\n{"prompt": "')
        for _ in range(100):
            file.write("x" * 1024**2)
        file.write(f'"}}\n{GOOD}\n')

    tracemalloc.start()
    kinds = [(row.line, type(row)) for row in _read(path)]
    peak_mb = tracemalloc.get_traced_memory()[1] / 1024**2
    tracemalloc.stop()

    assert kinds == [(1, Row), (2, Refused), (3, Row)]
    assert peak_mb < 80  # it holds the first 16 MB a few times over, whatever follows


def test_many_rows_pass_in_flat_memory(tmp_path: Path) -> None:
    path = _file(tmp_path, (GOOD + "\n") * 20_000)

    tracemalloc.start()
    kinds = Counter(type(row) for row in RowSources().read_file(path))
    peak_mb = tracemalloc.get_traced_memory()[1] / 1024**2
    tracemalloc.stop()

    assert kinds == {Row: 20_000}
    assert peak_mb < 2


def test_an_empty_file_is_called_empty(tmp_path: Path) -> None:
    assert _refusal(_file(tmp_path, "")).message == "rows.jsonl is empty."


def test_a_missing_file_and_an_empty_folder_are_named(tmp_path: Path) -> None:
    assert _refusal(tmp_path / "gone.jsonl").message == f"There is no file {tmp_path / 'gone.jsonl'}."
    assert _refusal(tmp_path).message == f"There is no file in {tmp_path.name}."


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    assert "not a file" in _refusal(tmp_path / "pipe").message


def test_bytes_of_no_known_kind_are_still_no_text(tmp_path: Path) -> None:
    assert _refusal(_file(tmp_path, b"\x7fELF\x00\x01")).message == "rows.jsonl is not a text file."


def test_a_first_line_that_is_no_object_does_not_condemn_the_file(tmp_path: Path) -> None:
    found = _read(_file(tmp_path, f"[1, 2]\n{GOOD}\n"))

    assert [type(row) for row in found] == [Refused, Row]


def test_a_file_one_may_not_read_is_a_sentence() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        path = _file(folder, GOOD)
        path.chmod(0o000)
        outcome = children.FORKED.Queue()

        [process] = children.start_all(children.FORKED, children.read_as_nobody, iter([(path, outcome)]))

        assert outcome.get(timeout=30).startswith(f"You may not read {path}.")
        children.join(process)
