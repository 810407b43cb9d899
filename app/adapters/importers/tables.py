"""CSV and TSV: the delimiter, and whether the first line is a header, are found by looking."""

import csv
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import BinaryIO, Final

from app.adapters.importers.encodings import lines_of, utf8
from app.adapters.importers.jsonl import TOO_LONG
from app.adapters.importers.opening import Opened
from app.adapters.importers.records import Format, Found, Record
from trainer_image.rows import MAX_LINE_BYTES, Refused

_DELIMITERS: Final = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars"}
_LOOKED_AT: Final = 50
_LONGEST_NAME: Final = 60
_ENOUGH: Final = 3
"""Lines of the same width before a text counts as a table."""


def delimiter_of(text: str, *, is_called_so: bool) -> str | None:
    """The delimiter of a table that begins so; None if it is no table.

    A file that is called a table may have lines of other widths, and a single column. Others must be even.
    """
    best, widest = None, 1
    for delimiter in _DELIMITERS:
        widths = _widths(text, delimiter)
        if not widths or widths[0] <= widest:
            continue
        even = widths.count(widths[0])
        if even >= len(widths) * (0.6 if is_called_so else 1) and (is_called_so or len(widths) >= _ENOUGH):
            best, widest = delimiter, widths[0]
    return best or ("," if is_called_so else None)


def read_table(opened: Opened, _passage: int) -> Found:
    with utf8(opened) as file:
        head = _head(file)
        text = b"".join(line for line in head if line).decode("utf-8", "replace")
        delimiter = delimiter_of(text, is_called_so=True) or ","
        opened.notes.append(f"Columns are separated by {_DELIMITERS[delimiter]}.")
        yield from _records(chain(head, lines_of(file)), delimiter, opened)


def _head(file: BinaryIO) -> list[bytes | None]:
    """The first lines, as far as they are short; the others are still in the file."""
    head: list[bytes | None] = []
    size = 0
    for line in lines_of(file):
        head.append(line)
        size += len(line or b"")
        if len(head) >= _LOOKED_AT or size > MAX_LINE_BYTES:
            break
    return head


def _records(lines: Iterator[bytes | None], delimiter: str, opened: Opened) -> Found:
    csv.field_size_limit(MAX_LINE_BYTES)
    source = _Lines(lines)
    reader = csv.reader(source, delimiter=delimiter, strict=False)
    columns: list[str] = []
    while True:
        start = source.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Refused(source.refused_at or start, "malformed", source.reason or _plain(error))
            source.reason, source.refused_at = "", 0
            continue
        if not cells:
            continue
        if not columns:
            has_names = is_header(cells)
            columns = names_of(cells) if has_names else [f"column {n}" for n in range(1, len(cells) + 1)]
            if has_names:
                continue
            opened.notes.append("The first line is no header: it counts as a row.")
        yield _record(start, columns, cells)


def _record(line: int, columns: Sequence[str], cells: list[str]) -> Record | Refused:
    beyond = cells[len(columns) :]
    if len(cells) < len(columns) or any(beyond):
        return Refused(
            line, "malformed", f"the line has {_values(len(cells))}, the table {len(columns)} columns"
        )
    return Record(line, dict(zip(columns, cells, strict=False)))


def is_header(cells: Sequence[str]) -> bool:
    """Short words, none twice, no number and no sentence."""
    named = [cell.strip() for cell in cells if cell.strip()]
    return bool(named) and all(
        len(cell) <= _LONGEST_NAME and cell[-1] not in ".?!" and "\n" not in cell and not _is_number(cell)
        for cell in named
    )


def names_of(cells: Sequence[str]) -> list[str]:
    """Every column has a name, and no two the same."""
    names: list[str] = []
    for number, cell in enumerate(cells, start=1):
        name = cell.strip() or f"column {number}"
        same = 1
        while name in names:
            same += 1
            name = f"{cell.strip() or f'column {number}'} ({same})"
        names.append(name)
    return names


class _Lines:
    """Decoded lines, counted; a class, as the CSV reader must be able to go on after an error."""

    def __init__(self, lines: Iterator[bytes | None]) -> None:
        self._lines = lines
        self.number = 0
        self.reason = ""
        self.refused_at = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.number += 1
        if line is None:
            return self._refuse(TOO_LONG)
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError:
            return self._refuse("the line is not UTF-8 text")

    def _refuse(self, reason: str) -> str:
        self.reason, self.refused_at = reason, self.number
        raise csv.Error(reason)


def _widths(text: str, delimiter: str) -> list[int]:
    lines = text.split("\n")[:-1] if text.count("\n") > _LOOKED_AT else text.split("\n")
    rows = csv.reader((line + "\n" for line in lines), delimiter=delimiter)
    widths = []
    try:
        for _, row in zip(range(_LOOKED_AT), rows, strict=False):
            if row:
                widths.append(len(row))
    except csv.Error:
        pass
    return widths


def _values(count: int) -> str:
    return "1 value" if count == 1 else f"{count} values"


def _plain(error: csv.Error) -> str:
    if "field larger" in str(error):
        return f"a value is longer than {MAX_LINE_BYTES // 1024**2} MB; perhaps a quote is not closed"
    return f"the line is no row of a table: {error}"


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True


TABLE: Final = Format("a table of text (CSV or TSV)", read_table, unit="line")
