"""Cuts long texts into passages where a reader would pause: headings, paragraphs, sentences, words."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

_BORDERS: Final = (
    re.compile(r"\n(?=#{1,6} )"),
    re.compile(r"\n[ \t]*\n\s*"),
    re.compile(r"""[.!?…。！？]["'”’)\]]*\s+"""),
    re.compile(r"\s+"),
)
"""The likelier first. A passage ends behind what matches."""


def passages(pieces: Iterable[str], size: int) -> Iterator[str]:
    """Passages of at most `size` characters, blanks at their ends aside; nothing else is left out.

    `pieces` are parts of one text, cut anywhere; no more of it is held than a passage and a piece.
    """
    text = ""
    for piece in pieces:
        text += piece
        while len(text) > size:
            end = _border(text, size)
            yield from _words(text[:end])
            text = text[end:].lstrip()
    yield from _words(text)


def _border(text: str, size: int) -> int:
    """The last border in the second half of the first `size` characters."""
    for border in _BORDERS:
        ends = [match.end() for match in border.finditer(text, 0, size) if match.end() > size // 2]
        if ends:
            return ends[-1]
    return size


def _words(text: str) -> Iterator[str]:
    if text := text.strip():
        yield text
