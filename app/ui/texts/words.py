"""Lists in a sentence."""

from collections.abc import Iterable
from functools import reduce

from app.ui.texts import text


def either(words: Iterable[str]) -> str:
    """ "a or b or c"."""
    return reduce(lambda before, last: text("window.lists.or", before=before, last=last), words)


def all_of(words: Iterable[str]) -> str:
    """ "a and b and c"."""
    return reduce(lambda before, last: text("window.lists.and", before=before, last=last), words)
