"""Which format a file has, found by what is in it. Its name decides only what the content leaves open."""

import json
import re
import zipfile
from typing import Final

from app.adapters.importers.documents import DOCX, HTML, MARKDOWN, TEXT
from app.adapters.importers.encodings import encoding_of
from app.adapters.importers.json_document import JSON
from app.adapters.importers.jsonl import JSONL
from app.adapters.importers.opening import HEAD_BYTES, Opened
from app.adapters.importers.parquet import PARQUET
from app.adapters.importers.pdf import PDF
from app.adapters.importers.records import Format
from app.adapters.importers.tables import TABLE, delimiter_of
from app.domain.errors import ImportFailedError
from trainer_image.rows import MAX_LINE_BYTES

READABLE: Final = "Tunewright reads JSONL, JSON, CSV, TSV, Parquet, TXT, Markdown, HTML, PDF and DOCX."

_OTHERS: Final = (
    (b"ARROW1", "an Arrow file"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\0", "an XZ archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x1f\x8b", "an archive in an archive"),
    (b"\x28\xb5\x2f\xfd", "an archive in an archive"),
    (b"SQLite format 3\0", "a SQLite database"),
    (b"{\\rtf", "a rich text document (RTF)"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
)
"""First bytes of files that people pick by mistake."""

_HTML: Final = re.compile(
    r"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_MARKDOWN: Final = re.compile(r"^(#{1,6} \S|```|[-*] \[[ x]\] )", re.MULTILINE)
_LINES_LOOKED_AT: Final = 20
_TABLES: Final = (".csv", ".tsv", ".tab")
_JSONS: Final = (".jsonl", ".ndjson", ".json")
_MARKDOWNS: Final = (".md", ".markdown")


def format_of(opened: Opened) -> Format:
    """Raises ImportFailedError, naming what the file is, if it is nothing that can be read."""
    head = opened.head
    if head.startswith(b"PAR1"):
        return PARQUET
    if b"%PDF-" in head[:1024]:
        return PDF
    if head.startswith(b"PK\x03\x04"):
        return _of_zip(opened)
    for first_bytes, name in _OTHERS:
        if head.startswith(first_bytes):
            raise _refused(opened, f"looks like {name}", "Convert or unpack it, and import the result.")
    if head[257:262] == b"ustar":
        raise _refused(opened, "looks like a tar archive", "Unpack it, and import the folder.")
    encoding = encoding_of(head)
    if encoding is None and _has_stray_zeros(head):
        return JSONL
    if encoding is None:
        raise _refused(opened, "is not a text file", "")
    return _of_text(opened, head.decode(encoding, "replace").removeprefix("\ufeff"))


def _has_stray_zeros(head: bytes) -> bool:
    """JSONL of which some lines hold zero bytes, as a computer that lost its power may leave it: those lines
    are refused, the others read."""
    whole = [line for line in head.splitlines()[:-1] if line.strip() and b"\0" not in line]
    encoding = encoding_of(b"\n".join(whole)) if whole else None
    return encoding == "utf-8" and _mostly_objects(b"\n".join(whole).decode(encoding, "replace"))


def _of_text(opened: Opened, text: str) -> Format:
    name = _name(opened)
    if _HTML.match(text):
        return HTML
    if found := _of_json(opened, text):
        return found
    if name.endswith(_JSONS):
        return JSONL
    if _MARKDOWN.search(text) and not name.endswith(_TABLES):
        return MARKDOWN
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if delimiter_of(text, is_called_so=name.endswith(_TABLES)) and not _is_prose(opened, text):
        return TABLE
    return MARKDOWN if name.endswith(_MARKDOWNS) else TEXT


def _is_prose(opened: Opened, text: str) -> bool:
    """A text whose lines happen to have the same number of commas."""
    if _name(opened).endswith(_TABLES):
        return False
    first = text.partition("\n")[0]
    return (
        _name(opened).endswith(_MARKDOWNS) or first.rstrip().endswith((".", "!", "?", ":")) or ", " in first
    )


def _of_json(opened: Opened, text: str) -> Format | None:
    """JSONL, one JSON document, or neither."""
    start = text.lstrip()
    if start[:1] not in ("{", "["):
        return JSONL if _mostly_objects(text) else None
    line_end = start.find("\n")
    try:
        _, end = json.JSONDecoder().raw_decode(start)
    except RecursionError:
        return JSONL
    except ValueError as error:
        at = getattr(error, "pos", 0)
        if line_end >= 0 and at <= line_end:
            return JSONL if start[0] == "{" or _mostly_objects(text) else None
        return JSON if line_end >= 0 or not _has_several_lines(opened) else JSONL
    if start[end:].strip():
        return JSONL
    if "\n" not in start[:end].strip() and start[0] == "{" and not _is_list_inside(start[:end]):
        return JSONL
    return JSON if len(opened.head) < HEAD_BYTES or "\n" in start[:end] else JSONL


def _is_list_inside(document: str) -> bool:
    """Whether a JSON object on one line holds a list of rows, rather than being a row."""
    values = json.loads(document)
    if {"messages", "conversations"} & values.keys():
        return False
    return any(
        isinstance(v, dict) or (isinstance(v, list) and v and isinstance(v[0], dict)) for v in values.values()
    )


def _mostly_objects(text: str) -> bool:
    lines = [line for line in text.splitlines()[:_LINES_LOOKED_AT] if line.strip()]
    return sum(map(_is_object, lines)) * 2 >= len(lines) > 0


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _has_several_lines(opened: Opened) -> bool:
    """Whether a file whose first line is longer than its head has a second one, the first being no giant."""
    with opened.open() as file:
        first = file.readline(MAX_LINE_BYTES)
        return first.endswith(b"\n") and bool(file.read(1))


def _of_zip(opened: Opened) -> Format:
    try:
        with opened.on_disk() as path, zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except zipfile.BadZipFile as error:
        raise _refused(opened, "looks like a damaged ZIP archive or Office document", "") from error
    if "word/document.xml" in names:
        return DOCX
    if "xl/workbook.xml" in names:
        raise _refused(opened, "is an Excel workbook", "Save the sheet as CSV in Excel, and import that.")
    raise _refused(opened, "looks like a ZIP archive", "Unpack it, and import the folder.")


def _name(opened: Opened) -> str:
    """In lower case, without what stands for the packing."""
    return opened.name.lower().removesuffix(".gz").removesuffix(".zst")


def _refused(opened: Opened, what: str, hint: str) -> ImportFailedError:
    return ImportFailedError(f"{opened.name} {what}.", f"{READABLE} {hint}".rstrip())
