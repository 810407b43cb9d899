"""The fast way for lines that are plain chats: {"messages": [{"role": …, "content": …}, …]}, nothing else.

A line is plain only if it is certain that the exact way (`trainer_image.rows`) would make the very same row
of it; every other line takes the exact way. A property test compares the two.
"""

from collections.abc import Callable
from functools import cache
from json.encoder import encode_basestring
from typing import Any, Final, Literal

_KEYS_OF_ROW: Final = 2
_QUOTES_OF_MESSAGE: Final = 8
"""Quotation marks around a role and a content, their keys and their values."""

Plain = Callable[[bytes], str | None]


@cache
def plain_reader() -> Plain:
    """A function from a line to its messages as JSON text, or None if the line isn't certainly plain."""
    import msgspec  # noqa: PLC0415

    message = msgspec.defstruct(
        "Message",
        [("role", Literal["user", "assistant", "system"]), ("content", str)],
        forbid_unknown_fields=True,
        gc=False,
    )
    row = msgspec.defstruct("Row", [("messages", list[message])], forbid_unknown_fields=True, gc=False)  # type: ignore[valid-type]
    decode, quoted = msgspec.json.Decoder(row).decode, encode_basestring

    def plain(line: bytes) -> str | None:
        try:
            messages: list[Any] = decode(line).messages  # type: ignore[attr-defined]
        except (ValueError, RecursionError):  # ValidationError and DecodeError are ValueErrors
            return None
        quotes = _KEYS_OF_ROW
        asks = answers = False
        texts = []
        for said in messages:
            role, content = said.role, said.content
            quotes += _QUOTES_OF_MESSAGE
            if role == "user":
                asks = asks or bool(content.strip())
            elif role == "assistant":
                answers = answers or bool(content.strip())
            texts.append(f'{{"role": "{role}", "content": {quoted(content)}}}')
        if not (asks and answers):
            return None
        if b"\\" in line:
            if b"\\ud" in line or b"\\uD" in line or b"\\u0022" in line:
                return None
            quotes += sum([said.content.count('"') for said in messages])
        # A key that is there twice leaves more quotation marks than the keys and values that were kept.
        return f"[{', '.join(texts)}]" if line.count(b'"') == quotes else None

    return plain
