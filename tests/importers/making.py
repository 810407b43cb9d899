"""Files of every kind, made by the libraries that make them for everybody."""

import csv
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import docx
import duckdb
import zstandard
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from app.adapters.row_sources import RowSources
from app.domain.reading import Reading, ReadOptions
from app.domain.ready_rows import ReadyRow
from trainer_image.rows import Refused, Row

Rows = Sequence[Mapping[str, Any]]


def as_jsonl(rows: Rows, path: Path) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def as_json(rows: Rows, path: Path, *, inside: str = "", indent: int | None = None) -> Path:
    value = {"version": 1, inside: list(rows)} if inside else list(rows)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=indent), encoding="utf-8")
    return path


def as_csv(
    rows: Rows, path: Path, *, delimiter: str = ",", encoding: str = "utf-8", ends: str = "\r\n"
) -> Path:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter, lineterminator=ends)
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def as_parquet(rows: Rows, path: Path, types: str = "") -> Path:
    """`types` as DuckDB has them, "a VARCHAR, n INTEGER"; texts otherwise."""
    columns = list(rows[0])
    with duckdb.connect() as engine:
        engine.execute(f"CREATE TABLE t ({types or ', '.join(f'{_quoted(c)} VARCHAR' for c in columns)})")
        marks = ", ".join("?" for _ in columns)
        engine.executemany(
            f"INSERT INTO t VALUES ({marks})", [[row[column] for column in columns] for row in rows]
        )
        engine.execute(f"COPY t TO '{path}' (FORMAT parquet)")
    return path


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def as_pdf(pages: Sequence[str], path: Path, password: str | None = None, algorithm: str = "RC4-128") -> Path:
    """A page of text each; a page without any is what a scan looks like. An empty password opens it."""
    writer = PdfWriter()
    for text in pages:
        page = writer.add_blank_page(300, 300)
        font = DictionaryObject({
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        })  # fmt: skip
        fonts = DictionaryObject({NameObject("/F1"): writer._add_object(font)})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        content = DecodedStreamObject()
        content.set_data(f"BT /F1 9 Tf 10 250 Td ({text}) Tj ET".encode() if text else b"")
        page[NameObject("/Contents")] = writer._add_object(content)
    if password is not None:
        writer.encrypt(password, owner_password="owner", algorithm=algorithm)
    writer.write(path)
    return path


def as_docx(paragraphs: Sequence[str], path: Path, cells: Sequence[str] = (), author: str = "Ada") -> Path:
    document = docx.Document()
    document.core_properties.author = author
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    if cells:
        table = document.add_table(rows=1, cols=len(cells))
        for cell, text in zip(table.rows[0].cells, cells, strict=True):
            cell.text = text
    document.save(str(path))
    return path


def as_html(title: str, paragraphs: Sequence[str], path: Path) -> Path:
    body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    page = (
        f'<!DOCTYPE html><html><head><title>{title}</title><meta name="author" content="Ada Lovelace"></head>'
        f"<body><nav><a href='/'>Home</a> <a href='/x'>Imprint</a></nav><article><h1>{title}</h1>{body}"
        "</article><footer>Cookies</footer></body></html>"
    )
    path.write_text(page, encoding="utf-8")
    return path


def gzipped(path: Path) -> Path:
    packed = path.with_name(path.name + ".gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    return packed


def zstandard_packed(path: Path) -> Path:
    packed = path.with_name(path.name + ".zst")
    packed.write_bytes(zstandard.compress(path.read_bytes()))
    return packed


def read(path: Path, **options: Any) -> tuple[list[Row], list[Refused], Reading]:
    reading = RowSources().read_file(path, ReadOptions(**options))
    found = list(reading)
    rows = [Row(*as_row(item)) for item in found if not isinstance(item, Refused)]
    return rows, [item for item in found if isinstance(item, Refused)], reading


def as_row(item: Row | ReadyRow) -> tuple[Any, ...]:
    return item.line, item.messages, item.meta


def pairs(rows: Sequence[Row]) -> list[tuple[str, str]]:
    return [(row.messages[0]["content"], row.messages[-1]["content"]) for row in rows]


def texts(rows: Sequence[Row]) -> list[str]:
    return [row.messages[0]["content"] for row in rows]
