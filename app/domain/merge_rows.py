"""What a merge asks of a single row: its prompt, its question, its words, and another system prompt."""

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Final

from app.domain.sessions import Message
from trainer_image.rows import DOCUMENT

SHINGLE_WORDS: Final = 3
_KEY_BYTES: Final = 16

_WITHOUT_BLANKS: Final = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
"""Kana, Han and Hangul: written without blanks between words, so each letter counts as one."""
_WORD: Final = re.compile(f"[{_WITHOUT_BLANKS}]|[^\\W{_WITHOUT_BLANKS}]+")

_Messages = Sequence[Message]


def system_of(messages: _Messages) -> str:
    """Empty if the conversation has none."""
    first = messages[0]
    return str(first["content"]) if first["role"] == "system" else ""


def with_system(messages: tuple[Message, ...], text: str) -> tuple[Message, ...]:
    """The conversation under this system prompt, or under none if `text` is empty. A document stays as it is.

    A row's `tools` are kept in its first message, so they move with it.
    """
    if messages[0]["role"] == DOCUMENT or system_of(messages) == text:
        return messages
    rest = tuple(message for message in messages if message["role"] != "system")
    tools = messages[0].get("tools")
    bare = tuple({k: v for k, v in m.items() if k != "tools"} for m in rest) if tools else rest
    first = ({"role": "system", "content": text}, *bare) if text else bare
    return ({**first[0], "tools": tools}, *first[1:]) if tools else first


def prompt_key(messages: _Messages) -> bytes | None:
    """Equal for conversations that ask the same last thing in the same way; None for a document."""
    return _key(_before_answer(messages))


def question_key(messages: _Messages) -> bytes | None:
    """The same without the system prompt, and whatever the letters' case and blanks."""
    asked = [
        {"role": m["role"], "content": " ".join(str(m["content"]).split()).casefold()}
        for m in _before_answer(messages)
        if m["role"] != "system"
    ]
    return _key(asked)


def shingles(messages: _Messages) -> set[str]:
    """Word triples of what is said, system prompts left out; of a shorter text the words themselves."""
    said = " ".join(str(m["content"]) for m in messages if m["role"] != "system")
    words = _WORD.findall(said.casefold())
    if len(words) < SHINGLE_WORDS:
        return set(words)
    return set(map(" ".join, zip(words, words[1:], words[2:], strict=False)))


def jaccard(some: set[str], others: set[str]) -> float:
    """Common ones among all; two empty sets are equal."""
    if not some and not others:
        return 1.0
    return len(some & others) / len(some | others)


def _before_answer(messages: _Messages) -> _Messages:
    answers = [place for place, message in enumerate(messages) if message["role"] == "assistant"]
    return messages[: answers[-1]] if answers else ()


def _key(asked: _Messages) -> bytes | None:
    if not asked:
        return None
    text = json.dumps([[m["role"], m["content"], m.get("tool_calls")] for m in asked])
    return hashlib.sha256(text.encode()).digest()[:_KEY_BYTES]
