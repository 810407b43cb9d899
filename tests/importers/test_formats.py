"""One real file of each kind: recognised by what is in it, read, with its columns and source kept."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from app.adapters.row_sources import RowSources
from app.domain.errors import ImportFailedError
from app.domain.mapping import ColumnMapping, Part, RowKind

from . import making
from .making import pairs, read, texts

ROWS = [
    {"prompt": 'Is it "open", today?', "completion": "Yes,\nuntil nine. 🚢", "id": "a1"},
    {"prompt": "How deep?", "completion": "Three; fathoms.", "id": "b2"},
    {"prompt": "Größe?", "completion": "Zwölf Fuß.", "id": "c3"},
]
WANTED = [(row["prompt"], row["completion"]) for row in ROWS]
STORY = [
    "The ferry to the island leaves at nine in the morning, every day but Sunday, from the second pier.",
    "In winter it carries mail and milk. In summer it carries painters, who pay more and weigh less.",
    "Nobody has counted the gulls, though the harbour master once began a list and kept it for a year.",
]


@pytest.mark.parametrize(
    "make",
    [
        making.as_jsonl,
        making.as_json,
        lambda rows, path: making.as_json(rows, path, indent=2),
        lambda rows, path: making.as_json(rows, path, inside="data"),
        lambda rows, path: making.as_json(rows, path, inside="data", indent=1),
        making.as_csv,
        lambda rows, path: making.as_csv(rows, path, delimiter=";", encoding="utf-16"),
        lambda rows, path: making.as_csv(rows, path, delimiter="\t", ends="\n"),
        lambda rows, path: making.as_csv(rows, path, delimiter="|", encoding="utf-8-sig"),
        making.as_parquet,
    ],
    ids=["jsonl", "json", "indented", "inside", "inside-indented", "csv", "utf16", "tsv", "bars", "parquet"],
)
@pytest.mark.parametrize(
    "pack", [lambda p: p, making.gzipped, making.zstandard_packed], ids=["", "gz", "zst"]
)
def test_a_table_of_any_kind_gives_the_same_rows_whatever_it_is_called(tmp_path: Path, make, pack) -> None:
    path = pack(make(ROWS, tmp_path / "some.data")).rename(tmp_path / "named wrongly.bin")

    rows, refused, _ = read(path)

    assert (pairs(rows), refused) == (WANTED, [])
    assert [row.meta for row in rows] == [{"id": row["id"]} for row in ROWS]


@pytest.mark.parametrize("pack", [lambda p: p, making.gzipped], ids=["", "gz"])
@pytest.mark.parametrize(
    ("make", "meta"),
    [
        (lambda path: making.as_docx(STORY, path), {"author": "Ada"}),
        (lambda path: making.as_html("Ferries", STORY, path), {"title": "Ferries", "author": "Ada Lovelace"}),
        (lambda path: path.write_text("\n\n".join(STORY)), {}),
        (lambda path: path.write_text("# Ferries\n\n" + "\n\n".join(STORY)), {}),
    ],
    ids=["docx", "html", "txt", "md"],
)
def test_a_document_becomes_passages_that_name_their_file(tmp_path: Path, make, meta, pack) -> None:
    make(tmp_path / "story")
    path = pack(tmp_path / "story")

    rows, refused, reading = read(path)

    assert refused == []
    assert all(sentence in texts(rows)[0] for sentence in STORY)
    assert rows[0].meta == {"file": path.name, **meta}
    assert reading.unit == "passage"
    assert "Imprint" not in texts(rows)[0]


def test_a_pdf_becomes_passages_that_name_their_page_and_a_scan_is_said(tmp_path: Path) -> None:
    rows, refused, _ = read(making.as_pdf(["First page.", "", "Third page."], tmp_path / "book.pdf"))

    assert [(row.line, *texts([row]), row.meta["page"]) for row in rows] == [
        (1, "First page.", 1),
        (3, "Third page.", 3),
    ]
    assert [(item.line, item.reason) for item in refused] == [(2, "page 2 has no text; it may be a scan")]


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-128", "AES-256"])
def test_a_locked_pdf_says_so_and_one_that_opens_without_asking_is_read(
    tmp_path: Path, algorithm: str
) -> None:
    with pytest.raises(ImportFailedError, match=r"locked.pdf is locked with a password"):
        read(making.as_pdf(["Secret."], tmp_path / "locked.pdf", "mellon", algorithm))

    rows, _, _ = read(making.as_pdf(STORY[:1], tmp_path / "open.pdf", "", algorithm))

    assert texts(rows) == STORY[:1]


@pytest.mark.parametrize("name", ["book.pdf", "page.docx", "rows.parquet"])
def test_a_damaged_file_is_a_sentence(tmp_path: Path, name: str) -> None:
    whole = {
        "book.pdf": lambda path: making.as_pdf(STORY, path),
        "page.docx": lambda path: making.as_docx(STORY, path),
        "rows.parquet": lambda path: making.as_parquet(ROWS, path),
    }[name](tmp_path / name)
    content = whole.read_bytes()
    whole.write_bytes(content[: len(content) // 3])

    with pytest.raises(ImportFailedError, match="damaged"):
        read(whole)


def test_a_word_documents_tables_are_read_in_their_place(tmp_path: Path) -> None:
    rows, _, reading = read(making.as_docx(["Before."], tmp_path / "d", cells=["Pier", "Two"]))

    assert texts(rows) == ["Before.\n\nPier\tTwo"]
    assert "Headers, footers, notes and comments of the document are left out." in reading.notes


def test_values_that_json_has_no_word_for_are_kept_as_text(tmp_path: Path) -> None:
    row = {
        "q": "Q?",
        "a": "A.",
        "day": date(2026, 1, 2),
        "price": Decimal("1.50"),
        "nan": float("nan"),
        "raw": b"\0\1",
    }
    types = "q VARCHAR, a VARCHAR, day DATE, price DECIMAL(9,2), nan DOUBLE, raw BLOB"
    mapping = ColumnMapping(RowKind.PAIR, {Part.QUESTION: "q", Part.ANSWER: "a"})

    [found], _, _ = read(making.as_parquet([row], tmp_path / "t.parquet", types), mapping=mapping)

    assert found.meta == {"day": "2026-01-02", "price": "1.50", "nan": "nan", "raw": "AAE="}


def test_conversations_in_a_parquet_table_are_read(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "Q?"}, {"role": "assistant", "content": "A."}]
    types = "messages STRUCT(role VARCHAR, content VARCHAR)[], n INTEGER"

    [found], _, _ = read(making.as_parquet([{"messages": turns, "n": 7}], tmp_path / "t.parquet", types))

    assert (found.messages, found.meta) == (tuple(turns), {"n": 7})


def test_a_path_with_the_signs_of_a_pattern_is_a_path(tmp_path: Path) -> None:
    making.as_parquet(ROWS[:1], tmp_path / "a1.parquet")
    making.as_parquet(ROWS[1:], tmp_path / "b.parquet").rename(tmp_path / "a[1].parquet")

    assert pairs(read(tmp_path / "a[1].parquet")[0]) == WANTED[1:]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04\x14\x00", "looks like a damaged ZIP archive or Office document"),
        (b"SQLite format 3\x00", "looks like a SQLite database"),
        (b"BZh91AY&SY", "looks like a bzip2 archive"),
        (b"\x7fELF\x00\x01", "is not a text file"),
        (bytes(257) + b"ustar\x0000", "looks like a tar archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "looks like an old Office document"),
    ],
)
def test_a_file_of_another_kind_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content + b"\x00" * 50)

    with pytest.raises(ImportFailedError) as refusal:
        read(path)

    assert refusal.value.message == f"rows.jsonl {said}."
    assert "JSONL, JSON, CSV, TSV, Parquet" in refusal.value.hint


@pytest.mark.parametrize(
    ("text", "name", "format_"),
    [
        ("Well, it does.\nNow, it rains.\nOh, it stops.\n", "notes.txt", "a text"),
        ("a,b\n1,2\n3,4\n", "notes", "a table of text (CSV or TSV)"),
        ("word\nother\n", "list.csv", "a table of text (CSV or TSV)"),
        ("word\nother\n", "list.txt", "a text"),
        ("# Title\n\nText\n", "readme", "a Markdown text"),
        ("<html><body>x</body></html>", "page.txt", "a web page (HTML)"),
        ('<!-- made by hand -->\n<!doctype html><p>x', "page", "a web page (HTML)"),
        ('{"a": 1}\n{"a": 2}\n', "x.txt", "a JSONL file"),
        ('{"messages": []}', "x.txt", "a JSONL file"),
        ('{"data": [{"a": 1}]}', "x.jsonl", "a JSON file"),
        ('{\n "data": [\n {"a": 1},\n {"a": 2}\n]}', "x.jsonl", "a JSON file"),
        ('[{"a": 1},\n{"a": 2}]', "x.jsonl", "a JSON file"),
        ('[{"a": "' + "x" * 70_000 + '"}]', "x.jsonl", "a JSON file"),
        ('{"prompt": "' + "x" * 70_000 + '"}\n{"a": 2}', "x", "a JSONL file"),
        ("nothing of the kind", "x.jsonl", "a JSONL file"),
        ("broken {\n" + '{"a": 1}\n' * 3, "x", "a JSONL file"),
    ],
)  # fmt: skip
def test_the_format_is_found_by_looking(tmp_path: Path, text: str, name: str, format_: str) -> None:
    path = tmp_path / name
    path.write_text(text)

    assert RowSources().preview_file(path, 1).format == format_


@pytest.mark.parametrize("hole", [b"\0" * 4096, b'{"prompt": "a\0", "completion": "b"}'])
def test_of_jsonl_with_zero_bytes_only_the_lines_that_have_them_are_refused(
    tmp_path: Path, hole: bytes
) -> None:
    whole = b'{"prompt": "Ferry?", "completion": "At noon."}'
    path = tmp_path / "torn.data"
    path.write_bytes(b"\n".join([whole, hole, whole, b""]))

    rows, refused, _ = read(path)

    assert [row.line for row in rows] == [1, 3]
    assert [item.line for item in refused] == [2]


def test_a_folder_gives_the_rows_of_all_its_files_and_says_which_could_not_be_read(tmp_path: Path) -> None:
    folder = tmp_path / "all"
    (folder / "below").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "x.txt").write_text("hidden")
    making.as_csv(ROWS[:1], folder / "a.csv")
    making.as_jsonl([{"question": "Q?", "answer": "A.", "file": "own"}], folder / "below" / "b.jsonl")
    (folder / "c.txt").write_text("A text of some words.")
    (folder / "d.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    (folder / "e.jsonl").write_text('{"prompt": "Q"}\n')

    rows, refused, reading = read(folder)

    assert "Left out, being hidden or links to folders: .hidden." in reading.notes
    assert [(row.meta["file"], row.messages[0]["content"]) for row in rows] == [
        ("a.csv", ROWS[0]["prompt"]),
        ("c.txt", "A text of some words."),
        ("below/b.jsonl", "Q?"),
    ]
    assert rows[-1].meta["column file"] == "own"
    assert [item.reason for item in refused] == [
        "d.png is not a text file",
        "e.jsonl: no known format: the row has prompt",
    ]


def test_a_preview_has_the_first_rows_as_they_are_and_the_guess(tmp_path: Path) -> None:
    preview = RowSources().preview_file(making.as_csv(ROWS, tmp_path / "t.csv"), 2)

    assert preview.rows == ROWS[:2]
    assert preview.columns == ["prompt", "completion", "id"]
    assert preview.mapping == ColumnMapping(
        RowKind.PAIR, {Part.QUESTION: "prompt", Part.ANSWER: "completion"}
    )
    assert preview.notes == ("Columns are separated by commas.",)


def test_a_chosen_mapping_is_obeyed_though_another_would_be_guessed(tmp_path: Path) -> None:
    turned = ColumnMapping(RowKind.PAIR, {Part.QUESTION: "completion", Part.ANSWER: "prompt"})

    rows, _, _ = read(making.as_csv(ROWS, tmp_path / "t.csv"), mapping=turned)

    assert pairs(rows) == [(answer, question) for question, answer in WANTED]
