"""JSON that is one array of rows, or an object with one such array somewhere in it; read piece by piece."""

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from app.adapters.importers.encodings import utf8
from app.adapters.importers.opening import Opened
from app.adapters.importers.records import Format, Found, Record
from app.domain.errors import ImportFailedError
from app.domain.mapping import mapping_by_names
from trainer_image.rows import MAX_LINE_BYTES, Refused, RowError, parse_json

_PIECE: Final = 1 << 20
_DECODER: Final = json.JSONDecoder()
_BLANK: Final = re.compile(r"[ \t\r\n]*")
_NO_TEXT: Final = re.compile("[\udc80-\udcff]")
"""Bytes that were no UTF-8, as "surrogateescape" hands them on."""
_MOST_KEPT: Final = 1000
"""Values beside the list of rows that are remembered to be named."""
_HINT: Final = "Rows are read from one list of objects: [{…}, {…}], perhaps inside an object."


class BrokenJsonError(Exception):
    """The text cannot be followed any further. `str()` says where and why."""


def read_json(opened: Opened, _passage: int) -> Found:
    with utf8(opened) as file:
        reader = _Reader(_Text(file), opened)
        try:
            yield from reader.rows()
        except (BrokenJsonError, RecursionError) as error:
            why = "it is nested too deeply" if isinstance(error, RecursionError) else error
            reason = f"the JSON is broken here, and what follows could not be read: {why}"
            yield Refused(reader.count + 1, "malformed", reason)


class _Reader:
    """Walks through objects to the list of rows."""

    def __init__(self, text: "_Text", opened: Opened) -> None:
        self._text = text
        self._opened = opened
        self.count = 0
        self._lists: list[str] = []
        self._beside: list[str] = []

    def rows(self) -> Found:
        if self._text.peek() == "[":
            yield from self._elements("the file")
        else:
            yield from self._object("")
        if self._text.peek():
            raise BrokenJsonError(f"something follows the end of the JSON: {self._text.peek()!r}")
        if not self._lists and not self.count:
            raise ImportFailedError(f"{self._opened.name} holds no list of rows.", _HINT)
        if self._beside:
            names = ", ".join(self._beside[:6]) + (", …" if len(self._beside) > 6 else "")
            self._opened.notes.append(f"Beside the list of rows, and not read: {names}.")

    def _object(self, path: str) -> Found:
        """The list of rows in an object, or the object itself where it is a row."""
        kept: dict[str, Any] = {}
        text = self._text
        text.take("{")
        while text.peek() != "}":
            key, _ = text.value()
            if not isinstance(key, str):
                raise BrokenJsonError(f"a key of an object is no text: {key!r}")
            text.take(":")
            name = f"{path}{key}"
            if text.peek() == "{":
                yield from self._object(f"{name}.")
            elif text.peek() == "[" and text.second() == "{" and not _is_turns(text, key):
                yield from self._elements(name)
            else:
                value = text.value()[0]
                if len(kept) < _MOST_KEPT:
                    kept[key] = value
            if text.peek() != "}":
                text.take(",")
        text.take("}")
        if not path and not self._lists and mapping_by_names(kept) is not None:
            self.count += 1
            yield Record(1, kept)
        else:
            self._beside.extend(f"`{path}{key}`" for key in kept)

    def _elements(self, name: str) -> Found:
        self._lists.append(name)
        if len(self._lists) > 1:
            raise ImportFailedError(
                f"{self._opened.name} holds several lists: {', '.join(self._lists)}.",
                "Keep one of them in the file, or put each into a file of its own.",
            )
        text = self._text
        text.take("[")
        while text.peek() != "]":
            value, source = text.value()
            self.count += 1
            yield _row(self.count, value, source)
            if text.peek() != "]":
                text.take(",")
        text.take("]")


def _is_turns(text: "_Text", key: str) -> bool:
    """Whether the list is the conversation of a single row."""
    return (
        key in ("messages", "conversations")
        and '"' in text.ahead(400)
        and any(name in text.ahead(400) for name in ('"role"', '"from"'))
    )


def _row(number: int, value: Any, source: str | None) -> Record | Refused:
    if source is None:
        return Refused(number, "malformed", f"the row is longer than {MAX_LINE_BYTES // 1024**2} MB")
    if _NO_TEXT.search(source):
        return Refused(number, "malformed", "the row is not UTF-8 text")
    try:
        return Record(number, parse_json(source))
    except RowError as refusal:
        return Refused(number, refusal.bucket, refusal.reason)
    except (ValueError, RecursionError) as error:
        return Refused(number, "malformed", f"the row is not JSON: {error}")


class _Text:
    """JSON text from a stream, of which no more is held than the value at hand."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decode = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._text = ""
        self._at = 0
        self._is_all = False
        self._before = 0

    def peek(self) -> str:
        """The next character that is no blank; empty at the end."""
        while True:
            self._at = _BLANK.match(self._text, self._at).end()  # type: ignore[union-attr]
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def second(self) -> str:
        """The character after the next, blanks aside."""
        self.peek()
        while True:
            after = _BLANK.match(self._text, self._at + 1).end()  # type: ignore[union-attr]
            if after < len(self._text):
                return self._text[after]
            if not self._more():
                return ""

    def ahead(self, count: int) -> str:
        return self._text[self._at : self._at + count]

    def take(self, expected: str) -> None:
        found = self.peek()
        if found != expected:
            what = repr(found) if found else "the end of the file"
            raise BrokenJsonError(f"{expected!r} was expected, not {what} (character {self._place():,})")
        self._at += 1

    def value(self) -> tuple[Any, str | None]:
        """The next value and its text; (None, None) for one too long to hold, which is passed over."""
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
                if end < len(self._text) or self._is_all:
                    start, self._at = self._at, end
                    is_giant = end - start > MAX_LINE_BYTES
                    return (None, None) if is_giant else (value, self._text[start:end])
            except RecursionError:
                raise BrokenJsonError(f"it is nested too deeply (character {self._place():,})") from None
            except ValueError as error:
                if self._is_all:
                    raise BrokenJsonError(f"{error}") from None
            if len(self._text) - self._at > MAX_LINE_BYTES:
                self._pass_over()
                return None, None
            self._more()

    def _place(self) -> int:
        return self._before + self._at + 1

    def _more(self) -> bool:
        """Double what is held ahead, so that a long value is not parsed anew for every piece."""
        if self._is_all:
            return False
        self._before += self._at
        rest = self._text[self._at :]
        piece = self._file.read(max(_PIECE, len(rest)))
        self._is_all = not piece
        self._text, self._at = rest + self._decode.decode(piece, final=self._is_all), 0
        return True

    def _pass_over(self) -> None:
        """To the end of the value: brackets are counted, strings jumped over."""
        depth = 0
        for mark in self._marks():
            if mark in "{[":
                depth += 1
            elif mark in "}]":
                depth -= 1
                if depth == 0:
                    return
            if depth == 0 and mark == '"':
                return
        raise BrokenJsonError("a value that is too long does not end")

    def _marks(self) -> Iterator[str]:
        """Brackets, and one quote for each string, as `_at` moves past them."""
        is_text = False
        while True:
            mark = (_IN_TEXT if is_text else _MARK).search(self._text, self._at)
            if mark is None or (mark.group() == "\\" and mark.end() == len(self._text)):
                self._at = len(self._text) if mark is None else mark.start()
                if not self._more():
                    return
                continue
            self._at = mark.end()
            if mark.group().startswith("\\"):
                continue
            if mark.group() == '"':
                is_text = not is_text
                if is_text:
                    continue
            yield mark.group()


_MARK: Final = re.compile(r'["{}\[\]]')
_IN_TEXT: Final = re.compile(r'\\.|\\|"', re.DOTALL)

JSON: Final = Format("a JSON file", read_json)
