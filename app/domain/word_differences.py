"""What two texts have in common, word by word."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Final

_PARTS: Final = re.compile(r"\s*\S+|\s+$")
_LONGEST: Final = 4_000
"""Words that are compared: the time grows with their square."""

_REMEMBERED: Final = 32
"""Pairs on the screen, which are drawn anew while answers come."""


@dataclass(frozen=True)
class Stretch:
    """A part of a text."""

    text: str
    is_common: bool
    """Whether it stands in the other text too, at the same place."""


@lru_cache(_REMEMBERED)
def differences(first: str, second: str) -> tuple[Sequence[Stretch], Sequence[Stretch]]:
    """Both texts in stretches, which together are the texts. Very long ones count as different throughout."""
    a, b = _PARTS.findall(first), _PARTS.findall(second)
    if len(a) > _LONGEST or len(b) > _LONGEST:
        return [Stretch(first, is_common=first == second)], [Stretch(second, is_common=first == second)]
    matcher = SequenceMatcher(None, [w.strip() for w in a], [w.strip() for w in b], autojunk=False)
    left: list[Stretch] = []
    right: list[Stretch] = []
    for kind, a1, a2, b1, b2 in matcher.get_opcodes():
        for stretches, text in ((left, "".join(a[a1:a2])), (right, "".join(b[b1:b2]))):
            if text:
                stretches.append(Stretch(text, is_common=kind == "equal"))
    return left, right


def likeness(first: str, second: str) -> float:
    """The share of words that both have at the same place, from 0 to 1."""
    left, right = differences(first, second)
    words = sum(len(one.text.split()) for one in (*left, *right))
    common = sum(len(one.text.split()) for one in (*left, *right) if one.is_common)
    return common / words if words else 1.0
