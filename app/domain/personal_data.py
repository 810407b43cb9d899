"""Find what should not leave the computer unnoticed: addresses, numbers, keys. By shape, and by check digits
where there are any.

What was found is never part of a result: only its kind, how often, and in which rows. It is a help, not a
guarantee: names and street addresses have no shape.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

ROWS_KEPT: Final = 100
"""Positions remembered for each kind."""

_Check = Callable[[str], bool]


@dataclass(frozen=True)
class Kind:
    id: str
    label: str
    """In the plural: "e-mail addresses"."""
    pattern: re.Pattern[str]
    needs: tuple[str, ...]
    """A text without any of these has none of the kind: telling so is ten times quicker than the pattern."""
    holds: _Check


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _is_phone(text: str) -> bool:
    return 9 <= len(_digits(text)) <= 15


def _is_address(text: str) -> bool:
    """Not one of the domains reserved for examples (RFC 2606), nor the user of a Git server."""
    user, _, domain = text.lower().rpartition("@")
    reserved = ("example.com", "example.org", "example.net", ".example", ".test", ".invalid", ".localhost")
    return user != "git" and not domain.endswith(reserved)


def _is_card(text: str) -> bool:
    """Luhn's check digit, on a number that begins as cards do."""
    digits = [int(d) for d in _digits(text)]
    is_amex = digits[0] == 3
    lengths = (15,) if is_amex else (13, 16, 19)
    if len(digits) not in lengths or len(set(digits)) == 1 or (is_amex and digits[1] not in (4, 7)):
        return False
    doubled = [d * 2 - 9 * (d > 4) for d in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_iban(text: str) -> bool:
    """ISO 13616: two check digits, modulo 97."""
    plain = re.sub(r"\s", "", text).upper()
    if not 15 <= len(plain) <= 34:
        return False
    return int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1


def _kind(
    name: str, label: str, needs: tuple[str, ...], pattern: str, holds: _Check = lambda _: True
) -> Kind:
    return Kind(name, label, re.compile(pattern), needs, holds)


_DIGITS: Final = tuple("0123456789")

KINDS: Final = (
    _kind(
        "private_key", "private keys", ("-----BEGIN",),
        r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----",
    ),
    _kind("hugging_face_token", "Hugging Face tokens", ("hf_",), r"\bhf_[A-Za-z0-9]{30,}\b"),
    _kind("anthropic_key", "Anthropic keys", ("sk-ant-",), r"\bsk-ant-[A-Za-z0-9_-]{20,}"),
    _kind(
        "openai_key", "OpenAI keys", ("sk-",), r"\bsk-(?!ant-)(?=[A-Za-z0-9_-]*\d)[A-Za-z0-9_-]{40,}"
    ),
    _kind(
        "github_token", "GitHub tokens", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{40})",
    ),
    _kind("aws_key", "AWS access keys", ("AKIA", "ASIA"), r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    _kind(
        "google_key", "Google API keys", ("AIza",), r"\bAIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])"
    ),
    _kind("slack_token", "Slack tokens", ("xox",), r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    _kind(
        "email", "e-mail addresses", ("@",),
        r"(?<![\w.+/-])[A-Za-z0-9](?:[\w.%+-]{0,62}[\w%+-])?@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+"
        r"[A-Za-z]{2,24}\b",
        _is_address,
    ),
    _kind(
        "iban", "bank account numbers (IBAN)", _DIGITS,
        r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b",
        _is_iban,
    ),
    _kind(
        "card", "payment card numbers", _DIGITS,
        r"(?<![\w.,-])[2-6]\d{3}(?:[ -]?\d){9,15}(?![\w-]|[.,]\d)",
        _is_card,
    ),
    _kind(
        "phone", "phone numbers", _DIGITS,
        r"(?<![\w+.,/-])(?<!\d )(?:"
        r"\+[1-9]\d{0,2}(?:[ ./-]?\(?\d{1,5}\)?){2,6}"  # +49 30 123456, +1 (212) 555-0123
        r"|\(\d{3}\) ?\d{3}[-. ]\d{4}|\d{3}[-.]\d{3}[-.]\d{4}"  # North America
        r"|\(?0\d{2,4}\)?(?:[ /-]\d{2,8}){1,4}"  # with the 0 of a trunk line
        r")(?![\w-]|[.,]\d)",
        _is_phone,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class KindFound:
    """How often something of a kind was found, and where."""

    kind: str
    label: str
    count: int
    row_count: int
    rows: Sequence[int]
    """Positions of the first hundred rows."""


@dataclass
class Tally:
    """Counts over many rows."""

    _counts: dict[str, int] = field(default_factory=dict)
    _row_counts: dict[str, int] = field(default_factory=dict)
    _rows: dict[str, list[int]] = field(default_factory=dict)

    def add(self, position: int, texts: Iterable[str]) -> None:
        counts: dict[str, int] = {}
        for text in texts:
            for name, count in kinds_in(text).items():
                counts[name] = counts.get(name, 0) + count
        for name, count in counts.items():
            self._counts[name] = self._counts.get(name, 0) + count
            self._row_counts[name] = self._row_counts.get(name, 0) + 1
            rows = self._rows.setdefault(name, [])
            if len(rows) < ROWS_KEPT:
                rows.append(position)

    def found(self) -> tuple[KindFound, ...]:
        return tuple(
            KindFound(k.id, k.label, self._counts[k.id], self._row_counts[k.id], tuple(self._rows[k.id]))
            for k in KINDS
            if k.id in self._counts
        )


def kinds_in(text: str) -> Mapping[str, int]:
    """How often each kind is in `text`. What is one kind is no second: a card is no phone."""
    counts: dict[str, int] = {}
    taken: list[tuple[int, int]] = []
    for kind in KINDS:
        if not any(part in text for part in kind.needs):
            continue
        for match in kind.pattern.finditer(text):
            overlaps = any(match.start() < end and start < match.end() for start, end in taken)
            if not overlaps and kind.holds(match.group()):
                counts[kind.id] = counts.get(kind.id, 0) + 1
                taken.append(match.span())
    return counts
