"""What a model says, as Markdown that fetches nothing.

Only what is code by the rules of CommonMark, whoever reads them, is taken for code. Where two readers could
differ, pictures are kept out of the code, too: it then shows a backslash more.
"""

import re
from typing import Final

_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
_OPENS: Final = re.compile(r"(?P<fence>`{3,}(?=[^`]*\Z)|~{3,})")
_MARKS: Final = ("```", "~~~")
_SPAN: Final = re.compile(r"(?<!`)(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`)")
_UNCLEAR: Final = re.compile(r"[<|\\]|\[\^|\]:")
"""Around these, what looks like code may be none: in HTML, in cells of a table, after a backslash, in notes
and in titles of links."""
_MAY_EAT_TICKS: Final = re.compile(r"://|www\.|@")
"""Some readers take what follows an address for a part of it, the beginning of code as well."""


class _InDoubtError(Exception):
    """Readers may differ about where code begins or ends."""


def without_pictures(text: str) -> str:
    """Pictures stay text: whoever draws them would fetch them. What is surely code stays as it is."""
    if "![" not in text:
        return text
    try:
        parts = _parts(text)
    except _InDoubtError:
        return _escaped(text)
    if any(_UNCLEAR.search(part) for part, is_code in parts if not is_code):
        return _escaped(text)
    return "".join(part if is_code else _outside_fences(part) for part, is_code in parts)


def _parts(text: str) -> list[tuple[str, bool]]:
    """Each with whether it is a block of code between fences. Raises _InDoubtError.

    A fence is taken for one only at the very beginning of its line: deeper in, it may be a list's or a
    quote's, which end without it. In a block without an end, which is still being said, pictures are kept
    out as well.
    """
    parts, now, fence = [], "", ""
    for line in _LINE.findall(text):
        bare = line.rstrip("\r\n")
        if fence:
            now += line
            if _closes(bare, fence):
                parts.append((now, True))
                now, fence = "", ""
        elif opened := _OPENS.match(bare):
            parts.append((now, False))
            now, fence = line, opened["fence"]
        elif any(mark in bare for mark in _MARKS):
            raise _InDoubtError
        else:
            now += line
    return [*parts, (_escaped(now), True) if fence else (now, False)]


def _closes(line: str, fence: str) -> bool:
    """Also a longer one. Raises _InDoubtError for what begins as if it did and goes on."""
    if re.fullmatch(rf" {{0,3}}{fence}{fence[0]}*[ \t]*", line):
        return True
    if line.lstrip().startswith(fence):
        raise _InDoubtError
    return False


def _outside_fences(text: str) -> str:
    """Code within a line counts only where no backtick is left over, which could pair with it otherwise."""
    around = _SPAN.sub("", text)
    if "`" in around or _MAY_EAT_TICKS.search(around):
        return _escaped(text)
    parts, end = [], 0
    for span in _SPAN.finditer(text):
        parts += [_escaped(text[end : span.start()]), span[0]]
        end = span.end()
    return "".join([*parts, _escaped(text[end:])])


def _escaped(text: str) -> str:
    return text.replace("![", "!\\[")
