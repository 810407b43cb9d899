"""What may be wrong with rows, whatever model reads them; and what is needed to find it out."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

from app.domain.previews import Progress
from app.domain.sessions import Message

Flaw = Literal["same", "near", "empty", "short", "odd"]
FLAWS: Final[Mapping[Flaw, str]] = {
    "same": "the same as an earlier row",
    "near": "nearly the same as an earlier row",
    "empty": "with an empty answer",
    "short": "with a very short answer",
    "odd": "with odd characters",
}
"""What is looked for → words for a count of rows. The order is that of the bits in the file."""

FORMAT: Final = 1
"""Raise when the same rows would be judged otherwise, or their file is laid out otherwise."""
SIMILARITY: Final = 0.8
"""Share of word triples in common from which two rows are nearly the same."""
_SHORT_WORDS: Final = 3
_SHORT_LETTERS: Final = 15

_ODD: Final = (
    ("control characters", re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")),
    ("replacement characters, where letters were lost", re.compile("\ufffd")),
    ("letters read in the wrong encoding", re.compile("[ÃÂ][\x80-\xbf€™œŒšŠžŽŸ‚„…†‡ˆ‰‹›‘’“”•–—˜]|â€.|ï»¿")),
    ("invisible characters", re.compile("[\u200b\u2060\ufeff\u202a-\u202e\u2066-\u2069]")),
)
"""What it is called, and how it looks. The joiners of emoji and of Persian are meant."""


@dataclass(frozen=True)
class Quality:
    """What was found in all rows of a source."""

    path: Path
    rows: int
    counts: Mapping[Flaw, int]
    languages: Mapping[str, int]
    """ISO 639-1 code → rows, most first; "" for those too short or too mixed to tell."""
    languages_of: int
    """Rows whose language was looked at; of very many only some are."""


@dataclass(frozen=True)
class Flawed:
    """A row and what is wrong with it."""

    number: int
    """Place in the source, from 0."""
    note: str


class QualityChecker(Protocol):
    """Looks at rows in a process of its own. Methods block; raise PreviewError."""

    def problem(self) -> str:
        """Why nothing can be looked at on this computer, as a sentence; empty if it can. Quick."""
        ...

    def check(self, data: Path, target: Path, progress: Progress) -> None:
        """Write what is found in a JSONL file to `target`, whole or not at all.

        An exception from `progress` ends it and leaves nothing behind.
        """
        ...

    def read(self, path: Path) -> Quality: ...

    def flawed(self, path: Path, flaw: str, *, start: int, limit: int) -> Sequence[Flawed]:
        """One page of the rows with a flaw, or in a language: "language:de"."""
        ...

    def prompts(self, path: Path) -> Iterator[tuple[int, bytes]]:
        """(row, a key that equal prompts share) in their order; rows without a prompt are left out."""
        ...


def flaws_of(messages: Sequence[Message]) -> dict[Flaw, str]:
    """What is wrong with a row by itself: flaw → a note on it."""
    found: dict[Flaw, str] = {}
    answers = [m for m in messages if m["role"] == "assistant" and not m.get("tool_calls")]
    texts = [str(m["content"]).strip() for m in answers]
    if any(not text for text in texts):
        found["empty"] = "an answer without a word"
    short = [text for text in texts if text and _is_short(text)]
    if short:
        found["short"] = f"an answer of {len(short[0])} letters: “{short[0]}”"
    if odd := odd_characters(" ".join(str(m["content"]) for m in messages)):
        found["odd"] = odd
    return found


def odd_characters(text: str) -> str:
    """Which odd characters are in the text, in words; empty if none are."""
    found = []
    for name, pattern in _ODD:
        if match := pattern.search(text):
            codes = " ".join(f"U+{ord(letter):04X}" for letter in match[0])
            found.append(f"{name} ({codes})")
    return ", ".join(found)


def _is_short(text: str) -> bool:
    return len(text) < _SHORT_LETTERS and len(text.split()) < _SHORT_WORDS
