"""Documents as passages: plain text, Markdown, HTML and Word files."""

import codecs
import re
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Final

from app.adapters.importers.encodings import utf8
from app.adapters.importers.opening import Opened
from app.adapters.importers.passages import passages
from app.adapters.importers.records import Format, Found, Record
from app.domain.errors import ImportFailedError
from trainer_image.rows import Refused

_PIECE: Final = 1 << 18
_NO_TEXT: Final = re.compile("[\udc80-\udcff]+")
_LARGEST_MB: Final = 64
"""HTML and Word files are held in memory as a whole."""


def read_text(opened: Opened, size: int) -> Found:
    with utf8(opened) as file:
        yield from records_of(_pieces(file, opened), size, {"file": opened.name})


def records_of(pieces: Iterator[str], size: int, meta: Mapping[str, Any]) -> Found:
    for number, passage in enumerate(passages(pieces, size), start=1):
        yield Record(number, {"document": passage}, meta)


def read_html(opened: Opened, size: int) -> Found:
    """The main text of a page, without menus and advertisements."""
    import trafilatura  # noqa: PLC0415

    with utf8(opened) as file:
        page = _whole(file, opened).decode("utf-8", "replace")
    text = trafilatura.extract(page, include_comments=False, include_tables=True) or ""
    opened.notes.append("Of the page its main text was kept; menus, comments and advertisements were not.")
    if not text.strip():
        yield Refused(1, "empty_answer", "the page has no text that could be told from menus")
        return
    yield from records_of(iter([text]), size, {"file": opened.name, **_about(page)})


def read_docx(opened: Opened, size: int) -> Found:
    import docx  # noqa: PLC0415
    from docx.opc.exceptions import OpcError  # noqa: PLC0415

    with opened.on_disk() as path:
        try:
            with zipfile.ZipFile(path) as archive:
                _refuse_huge(sum(entry.file_size for entry in archive.infolist()), opened)
            document = docx.Document(str(path))
        except (OpcError, zipfile.BadZipFile, KeyError, ValueError, SyntaxError) as error:
            raise ImportFailedError(
                f"{opened.name} is a damaged Word document.", "Open it in Word and save it again."
            ) from error
    opened.notes.append("Headers, footers, notes and comments of the document are left out.")
    meta = {"file": opened.name}
    if author := document.core_properties.author:
        meta["author"] = author
    yield from records_of(_blocks(document), size, meta)


def _blocks(document: Any) -> Iterator[str]:
    from docx.table import Table  # noqa: PLC0415

    for block in document.iter_inner_content():
        if isinstance(block, Table):
            yield from ("\t".join(cell.text for cell in row.cells) + "\n" for row in block.rows)
            yield "\n"
        else:
            yield block.text + "\n\n"


def _about(page: str) -> dict[str, str]:
    """What the page says of itself."""
    from trafilatura.metadata import extract_metadata  # noqa: PLC0415

    found = extract_metadata(page)
    names = ("title", "author", "url", "license")
    return {name: str(value) for name in names if (value := getattr(found, name, None))}


def _pieces(file: BinaryIO, opened: Opened) -> Iterator[str]:
    decode = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    broken = 0
    while True:
        piece = file.read(_PIECE)
        text, marked = _NO_TEXT.subn("\ufffd", decode.decode(piece, final=not piece))
        broken += marked
        yield text
        if not piece:
            break
    if broken:
        opened.notes.append(f"{broken:,} places of {opened.name} are no UTF-8 and were marked with \ufffd.")


def _whole(file: BinaryIO, opened: Opened) -> bytes:
    content = file.read(_LARGEST_MB * 1024**2 + 1)
    _refuse_huge(len(content), opened)
    return content


def _refuse_huge(size: int, opened: Opened) -> None:
    if size > _LARGEST_MB * 1024**2:
        raise ImportFailedError(
            f"{opened.name} holds more than {_LARGEST_MB} MB in one document.",
            "Cut it into several, or save its text as a TXT file, which may be of any size.",
        )


TEXT: Final = Format("a text", read_text, unit="passage", is_table=False)
MARKDOWN: Final = Format("a Markdown text", read_text, unit="passage", is_table=False)
HTML: Final = Format("a web page (HTML)", read_html, unit="passage", is_table=False)
DOCX: Final = Format("a Word document (DOCX)", read_docx, unit="passage", is_table=False)
