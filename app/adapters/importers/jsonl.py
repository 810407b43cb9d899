"""JSONL: one JSON object a line, as `trainer_image.rows` reads it."""

from typing import Final

from app.adapters.importers.encodings import lines_of, utf8
from app.adapters.importers.opening import Opened
from app.adapters.importers.plain_chats import plain_reader
from app.adapters.importers.records import Format, Found, Record
from app.domain.ready_rows import ReadyRow
from trainer_image.rows import MAX_LINE_BYTES, Refused, RowError, parse_json, refused_line

TOO_LONG: Final = f"the line is longer than {MAX_LINE_BYTES // 1024**2} MB"


def read_jsonl(opened: Opened, _passage: int) -> Found:
    plain = plain_reader()
    with utf8(opened) as file:
        for number, line in enumerate(lines_of(file), start=1):
            if line is not None and (text := plain(line)) is not None:
                yield ReadyRow(number, text)
            elif line is None:
                yield Refused(number, "malformed", TOO_LONG)
            elif line.strip():
                yield record_of(number, line)


def record_of(number: int, line: bytes) -> Record | Refused:
    try:
        return Record(number, parse_json(line.decode("utf-8")))
    except (RowError, RecursionError, ValueError) as error:
        return refused_line(number, error)


JSONL: Final = Format("a JSONL file", read_jsonl, unit="line")
