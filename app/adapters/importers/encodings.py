"""Text in whatever encoding, as UTF-8. What the encoding is, the bytes must tell."""

import codecs
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Final, cast

from app.adapters.importers.opening import Opened
from trainer_image.rows import MAX_LINE_BYTES

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_PIECE: Final = 1 << 18
_WIDE: Final = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
"""A letter beyond ASCII as UTF-8 has it, more or less: bytes that other encodings rarely put together."""

_BLACK: Final = bytes(set(range(32)) - {9, 10, 12, 13, 27})
_STRAY: Final = 8
"""Control characters that a text may have by accident."""

_COMMON: Final = [
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "koi8_r",
    "gb18030", "big5", "shift_jis", "cp932", "euc_jp", "euc_kr", "cp949",
]  # fmt: skip
"""A few odd letters among English ones could be of any encoding; of these they probably are."""


def encoding_of(head: bytes) -> str | None:
    """The encoding of a text that begins so, by Python's name; None if it is no text."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    if b"\0" in head:
        return _without_mark(head)
    if len(head) - len(head.translate(None, _BLACK)) > max(_STRAY, len(head) * 0.01):
        return None
    if _is_utf8(head):
        return "utf-8"
    if _WIDE.search(head):  # UTF-8 with a broken byte somewhere, which will be said where it is
        return "utf-8"
    return _guessed(head)


@contextmanager
def utf8(opened: Opened) -> Iterator[BinaryIO]:
    """The file as UTF-8 without byte order mark, and with line feeds where it has carriage returns only.

    Bytes that are no UTF-8 in a UTF-8 file stay as they are; in other encodings they become U+FFFD and are
    counted in a note.
    """
    encoding = encoding_of(opened.head) or "utf-8"
    is_mac = b"\r" in opened.head and b"\n" not in opened.head
    with opened.open() as file:
        if encoding == "utf-8" and not is_mac:
            yield _past_mark(file)
            return
        if encoding != "utf-8":
            opened.notes.append(f"Read as {encoding.upper()} text.")
        recoded = _Recoded(file, encoding, is_mac=is_mac)
        yield cast(BinaryIO, io.BufferedReader(recoded, _PIECE))
        if recoded.broken:
            opened.notes.append(
                f"{recoded.broken:,} places are no {encoding.upper()} and were marked with \ufffd."
            )


def lines_of(file: BinaryIO) -> Iterator[bytes | None]:
    """Lines with their ends; None for one that is too long, which is never held in memory."""
    while line := file.readline(MAX_LINE_BYTES + 1):
        if len(line) <= MAX_LINE_BYTES or line.endswith(b"\n"):
            yield line
            continue
        del line  # let go of it before reading on
        while (rest := file.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
            pass
        yield None


def _past_mark(file: BinaryIO) -> BinaryIO:
    buffered = file if hasattr(file, "peek") else cast(BinaryIO, io.BufferedReader(cast(Any, file)))
    if cast(Any, buffered).peek(3)[:3] == codecs.BOM_UTF8:
        buffered.read(3)
    return buffered


def _without_mark(head: bytes) -> str | None:
    """UTF-16 without a mark: Western text has a zero in every other byte."""
    pairs = len(head) // 2
    for name, zeros, letters in (("utf-16-le", head[1::2], head[::2]), ("utf-16-be", head[::2], head[1::2])):
        if zeros.count(0) > pairs * 0.6 and letters.count(0) < pairs * 0.05:
            return name
    return None


def _is_utf8(head: bytes) -> bool:
    """The last letter may be cut."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def _guessed(head: bytes) -> str:
    from charset_normalizer import from_bytes  # noqa: PLC0415

    best = from_bytes(head, cp_isolation=_COMMON).best()
    return best.encoding.replace("_", "-") if best else "cp1252"


class _Recoded(io.RawIOBase):
    def __init__(self, file: BinaryIO, encoding: str, *, is_mac: bool) -> None:
        self._file = file
        self._decode = codecs.getincrementaldecoder(encoding)("replace")
        self._is_mac = is_mac
        self._is_first = True
        self._piece = memoryview(b"")
        self._is_done = False
        self.broken = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._piece and not self._is_done:
            self._next()
        count = min(len(buffer), len(self._piece))
        buffer[:count] = self._piece[:count]
        self._piece = self._piece[count:]
        return count

    def _next(self) -> None:
        packed = self._file.read(_PIECE)
        self._is_done = not packed
        text = self._decode.decode(packed, final=self._is_done)
        self.broken += text.count("\ufffd")
        if self._is_first and text:
            text, self._is_first = text.removeprefix("\ufeff"), False
        if self._is_mac:
            text = text.replace("\r", "\n")
        self._piece = memoryview(text.encode("utf-8", "surrogatepass"))
