"""How verbs speak: sentences and tables for people, one JSON document (or one object a line) for programs."""

import io
import json
import sys
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, Final

from app.domain.errors import StudioError

_LINE_ANEW: Final = "\r\x1b[K"
"""Has a terminal forget the line that the cursor is in."""


class Output:
    """`as_json` decides once; verbs say both forms at the same place."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._has_progress = False

    def say(self, text: str) -> None:
        """A line for people; nothing in JSON."""
        self._end_progress()
        if not self.as_json:
            print(text, flush=True)  # noqa: T201

    def piece(self, text: str) -> None:
        """Part of a line for people, as it is made."""
        self._end_progress()
        if not self.as_json:
            print(text, end="", flush=True)  # noqa: T201

    def give(self, value: Any) -> None:
        """One line of JSON for programs; nothing for people."""
        self._end_progress()
        if self.as_json:
            print(_as_line(plain(value)), flush=True)  # noqa: T201

    def progress(self, text: str) -> None:
        """How far the work is, where somebody is looking; whatever is said next takes its place."""
        if sys.stderr.isatty():
            print(f"{_LINE_ANEW}{_in_one_line(text)}", end="", file=sys.stderr, flush=True)  # noqa: T201
            self._has_progress = True

    def counting(self, what: str) -> Callable[[int], None]:
        """Progress in numbers: "12,000 rows read"."""
        return lambda count: self.progress(f"{count:,} {what}")

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Columns for people, as wide as what stands in them."""
        cells = [[_in_one_line(str(cell)) for cell in row] for row in rows]
        widths = [max(len(row[i]) for row in [list(headings), *cells]) for i in range(len(headings))]
        for row in [list(headings), *cells]:
            self.say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())

    def fail(self, error: StudioError) -> None:
        """What went wrong and what to do: on stderr, and as JSON on stdout when that was asked for."""
        self.give({"error": {"message": error.message, "hint": error.hint}})
        print(error.message, file=sys.stderr)  # noqa: T201
        if error.hint:
            print(error.hint, file=sys.stderr)  # noqa: T201

    def _end_progress(self) -> None:
        if self._has_progress:
            self._has_progress = False
            print(_LINE_ANEW, end="", file=sys.stderr, flush=True)  # noqa: T201


def _in_one_line(text: str) -> str:
    """What moves a terminal's cursor would break the columns."""
    return "".join(" " if unicodedata.category(letter) in ("Cc", "Zl", "Zp") else letter for letter in text)


def counted_rows(count: int) -> str:
    return f"{count:,} row" if count == 1 else f"{count:,} rows"


def never_choke() -> None:
    """Print what the terminal has no letter for as an escape: half an emoji, a Windows code page."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _as_line(value: Any) -> str:
    """JSON as readable as standard output can carry it."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return json.dumps(value)
    return text


def plain(value: Any) -> Any:
    """Domain objects as what JSON knows: times in ISO 8601, paths as text."""
    match value:
        case _ if hasattr(value, "model_dump"):  # pydantic, not imported for --help
            return value.model_dump(mode="json")
        case Enum():
            return value.value
        case datetime():
            return value.isoformat()
        case Path():
            return str(value)
        case dict():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
        case _:
            return value
