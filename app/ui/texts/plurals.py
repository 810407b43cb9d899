"""Which form of a text goes with a whole number: the rules that languages share, after Unicode's CLDR."""

from collections.abc import Callable, Mapping
from typing import Final

FORMS: Final = frozenset({"zero", "one", "two", "few", "many", "other"})


def form_of(rule: str, count: int) -> str:
    return RULES[rule](count)


def _arabic(count: int) -> str:
    if count < 3:
        return ("zero", "one", "two")[count]
    rest = count % 100
    return "few" if 3 <= rest <= 10 else "many" if rest >= 11 else "other"


def _czech(count: int) -> str:
    return "one" if count == 1 else "few" if count in (2, 3, 4) else "other"


def _is_few(count: int) -> bool:
    return count % 10 in (2, 3, 4) and count % 100 not in (12, 13, 14)


def _polish(count: int) -> str:
    return "one" if count == 1 else "few" if _is_few(count) else "many"


def _russian(count: int) -> str:
    is_one = count % 10 == 1 and count % 100 != 11
    return "one" if is_one else "few" if _is_few(count) else "many"


RULES: Final[Mapping[str, Callable[[int], str]]] = {
    "english": lambda count: "one" if count == 1 else "other",  # German, Dutch, Italian, Spanish, Turkish, …
    "french": lambda count: "one" if count in (0, 1) else "other",  # Brazilian Portuguese, Hindi
    "chinese": lambda count: "other",  # Japanese, Korean, Thai, Vietnamese, Indonesian
    "czech": _czech,  # Slovak
    "polish": _polish,
    "russian": _russian,  # Ukrainian, Belarusian
    "arabic": _arabic,
}
"""By the language that is best known for it. A form that a text lacks is `other`'s."""
