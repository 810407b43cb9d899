"""What a model says, as Markdown that fetches nothing."""

import re
from typing import Final

_FENCED: Final = re.compile(
    r"^ {0,3}(?P<fence>`{3,}|~{3,})[^`\n]*\n(?:.*\n)*? {0,3}(?P=fence)[ \t]*$", re.MULTILINE
)
_SPAN: Final = re.compile(r"(?<!`)(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`)")
_UNCLEAR: Final = re.compile(r"[<|\\]")
"""Around these, what looks like code may be none: in HTML, in cells of a table, after a backslash."""


def without_pictures(text: str) -> str:
    """Pictures stay text: whoever draws them would fetch them. What is surely code stays as it is."""
    if "![" not in text:
        return text
    parts, end = [], 0
    around = _FENCED.sub("", text)
    for fenced in _FENCED.finditer(text) if not _UNCLEAR.search(around) else ():
        parts += [_outside_fences(text[end : fenced.start()]), fenced[0]]
        end = fenced.end()
    return "".join([*parts, _outside_fences(text[end:])])


def _outside_fences(text: str) -> str:
    """Code within a line counts only where no backtick is left over, which could pair with it otherwise."""
    if _UNCLEAR.search(text) or "`" in _SPAN.sub("", text):
        return _escaped(text)
    parts, end = [], 0
    for span in _SPAN.finditer(text):
        parts += [_escaped(text[end : span.start()]), span[0]]
        end = span.end()
    return "".join([*parts, _escaped(text[end:])])


def _escaped(text: str) -> str:
    return text.replace("![", "!\\[")
