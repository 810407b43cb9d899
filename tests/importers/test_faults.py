"""Files that are broken, odd, huge or traps: each row read, or refused with its place; never a crash."""

import gzip
import json
import tracemalloc
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from app.adapters.importers.passages import passages
from app.domain.errors import ImportFailedError

from . import making
from .making import pairs, read, texts

PAIR = {"prompt": "Q", "completion": "A"}
_letters = st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Z"], include_characters="\n\t")
_text = st.text(_letters, min_size=1, max_size=20).filter(str.strip)
_cell = _text.filter(lambda text: text == text.strip() and "\r" not in text)
_rows = st.lists(
    st.fixed_dictionaries({"prompt": _cell, "completion": _cell, "note": _cell}), min_size=1, max_size=8
)


@pytest.mark.parametrize(
    "make",
    [
        making.as_jsonl,
        making.as_json,
        lambda rows, path: making.as_json(rows, path, inside="rows", indent=1),
        making.as_csv,
        lambda rows, path: making.as_csv(rows, path, delimiter="\t", encoding="utf-16"),
        making.as_parquet,
    ],
    ids=["jsonl", "json", "json-inside", "csv", "tsv-utf16", "parquet"],
)
def test_what_a_program_writes_comes_back_word_by_word(tmp_path: Path, make) -> None:
    @settings(max_examples=5 if make is making.as_parquet else 25, deadline=None)
    @given(_rows)
    def check(rows) -> None:
        path = make(rows, tmp_path / "t.csv")

        found, refused, _ = read(path)

        assert refused == []
        assert pairs(found) == [(row["prompt"], row["completion"]) for row in rows]
        assert [row.meta for row in found] == [{"note": row["note"]} for row in rows]

    check()


@given(
    st.lists(
        st.sampled_from([json.dumps(PAIR), '{"a": 1}', "{", "[]", "3", '{"prompt": "Q", "completion": ""}']),
        min_size=1,
    )
)
def test_every_line_is_read_or_refused_and_none_is_lost(lines) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_text("\n".join([json.dumps(PAIR), *lines]))

        rows, refused, _ = read(path)

    assert sorted(item.line for item in [*rows, *refused]) == list(range(1, len(lines) + 2))


@given(st.text(max_size=300), st.integers(5, 60))
def test_passages_leave_nothing_out_but_blanks_and_are_never_too_long(text, size) -> None:
    found = list(passages([text[:40], text[40:]], size))

    assert "".join("".join(found).split()) == "".join(text.split())
    assert all(0 < len(passage) <= size for passage in found)


def test_passages_end_where_a_reader_would_pause() -> None:
    text = "One sentence here. Another one there.\n\nA second paragraph follows. It goes on."

    assert list(passages([text], 45)) == [
        "One sentence here. Another one there.",
        "A second paragraph follows. It goes on.",
    ]
    assert next(passages([text], 30)) == "One sentence here."


def test_lines_of_a_table_that_do_not_fit_are_refused_with_their_number(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b'question,answer\n"Q\n1",A\nalone\n\nQ,A,more\nQ,A,\n\xff,A\nlast,\xc3\xa4\n')

    rows, refused, _ = read(path)

    assert [(row.line, row.messages[0]["content"]) for row in rows] == [(2, "Q\n1"), (7, "Q"), (9, "last")]
    assert [(item.line, item.reason) for item in refused] == [
        (4, "the line has 1 value, the table 2 columns"),
        (6, "the line has 3 values, the table 2 columns"),
        (8, "the line is not UTF-8 text"),
    ]


def test_a_line_of_20_mb_in_a_table_is_refused_and_the_next_is_read(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"question,answer\nQ,A\n" + b"x" * 20_000_000 + b"\nQ,B\n")

    rows, refused, _ = read(path)

    assert pairs(rows) == [("Q", "A"), ("Q", "B")]
    assert [(item.line, item.reason) for item in refused] == [(3, "the line is longer than 16 MB")]


def test_a_table_without_a_header_says_so_and_keeps_its_first_row(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("Is it deep?,Three fathoms.\nAnd wide?,Yes.\n")

    rows, _, reading = read(path)

    assert pairs(rows) == [("Is it deep?", "Three fathoms."), ("And wide?", "Yes.")]
    assert "The first line is no header: it counts as a row." in reading.notes


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_any_encoding_is_read_and_said(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "t.csv"
    row = {"question": "Wie heißt die größte Fähre über die Förde?", "answer": "Sie heißt Möwe, natürlich."}
    making.as_csv([row] * 9, path, encoding=encoding)

    rows, refused, reading = read(path)

    assert (pairs(rows), refused) == ([(row["question"], row["answer"])] * 9, [])
    assert encoding == "utf-8-sig" or any(note.startswith("Read as ") for note in reading.notes)


def test_broken_letters_in_a_text_are_marked_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_bytes("Größe und ".encode() + b"\xff\xfe Ende.")

    rows, _, reading = read(path)

    assert texts(rows) == ["Größe und \ufffd Ende."]
    assert any("no UTF-8" in note for note in reading.notes)


def test_json_that_breaks_off_keeps_the_rows_before_and_says_where(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text(json.dumps([PAIR, PAIR])[:-20])

    rows, refused, _ = read(path)

    assert pairs(rows) == [("Q", "A")]
    [only] = refused
    assert only.line == 2
    assert only.reason.startswith("the JSON is broken here, and what follows could not be read")


def test_rows_of_json_are_judged_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    giant = json.dumps({"prompt": "x" * 17_000_000, "completion": 'a"]}'})
    twin, nan = '{"prompt": "Q", "prompt": "R", "completion": "A"}', '{"prompt": "Q", "completion": NaN}'
    path.write_text(f"[{twin}, 3, {nan}, {giant}, {json.dumps(PAIR)}]")

    rows, refused, _ = read(path)

    assert [row.line for row in rows] == [5]
    assert [item.line for item in refused] == [1, 2, 3, 4]
    assert "there twice" in refused[0].reason
    assert refused[3].reason == "the row is longer than 16 MB"


def test_a_list_within_objects_is_found_and_what_stands_beside_it_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text(json.dumps({"version": 2, "result": {"count": 1, "items": [PAIR]}}))

    rows, _, reading = read(path)

    assert pairs(rows) == [("Q", "A")]
    assert reading.notes == ["Beside the list of rows, and not read: `result.count`, `version`."]


def test_several_lists_are_not_guessed_between(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text(json.dumps({"train": [PAIR], "test": [PAIR]}))

    with pytest.raises(ImportFailedError, match="several lists: train, test"):
        read(path)


def test_json_nested_a_thousand_times_over_is_a_refusal(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text('{"a":' * 20_000 + "1" + "}" * 20_000)

    _, refused, _ = read(path)

    assert "nested too deeply" in refused[0].reason


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_an_archive_that_breaks_off_keeps_the_rows_before_and_says_so(tmp_path: Path, compress) -> None:
    rows_ = [{"prompt": f"{n} {hash(n * 7919)}", "completion": str(n**9)} for n in range(60_000)]
    whole = compress(making.as_jsonl(rows_, tmp_path / "rows.jsonl").read_bytes())
    path = tmp_path / "cut.bin"
    path.write_bytes(whole[: len(whole) * 3 // 4])

    rows, refused, _ = read(path)

    assert 1_000 < len(rows) < 60_000
    assert "damaged" in refused[-1].reason
    assert "what follows could not be read" in refused[-1].reason


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_an_archive_made_to_fill_the_memory_is_refused_in_little_memory(tmp_path: Path, compress) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(compress(b'{"prompt": "' + b"x" * 200_000_000))

    tracemalloc.start()
    with pytest.raises(ImportFailedError, match="unpacks to more than 100 times its size"):
        read(path)
    peak_mb = tracemalloc.get_traced_memory()[1] / 1024**2
    tracemalloc.stop()

    assert peak_mb < 120


def test_an_archive_of_noise_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "noise.gz"
    path.write_bytes(b"\x1f\x8b" + bytes(range(200)))

    with pytest.raises(ImportFailedError, match=r"noise.gz is a damaged gzip archive"):
        read(path)
