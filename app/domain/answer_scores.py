"""How near an answer is to the one that was wanted."""

import re
from collections.abc import Sequence
from typing import Final

_WORD: Final = re.compile(r"\w+")
_LONGEST: Final = 2_000
"""Words that are compared: the time grows with the product of both lengths."""


def is_exact(answer: str, wanted: str) -> bool:
    """Whether both say the same, whatever the spaces around and between the words."""
    return answer.split() == wanted.split()


def rouge_l(answer: str, wanted: str) -> float:
    """ROUGE-L (Lin 2004, section 3.1) with beta 1, from 0 to 1: words in common in the same order.

    Words are in small letters and without signs; of very long texts only the beginning counts."""
    said, asked = _words(answer), _words(wanted)
    if not said or not asked:
        return float(said == asked)
    common = _longest_common(said, asked)
    return 2 * common / (len(said) + len(asked))


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())[:_LONGEST]


def _longest_common(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(second) + 1)
    for word in first:
        before = 0
        for at, other in enumerate(second, start=1):
            above = row[at]
            row[at] = before + 1 if word == other else max(above, row[at - 1])
            before = above
    return row[-1]
