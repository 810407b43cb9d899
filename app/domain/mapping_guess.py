"""Guesses which column plays which part, from whole column names and from what the columns hold.

Never from a part of a name: there is a "text" in "context". A name counts only if the values fit it.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from app.domain.mapping import ColumnMapping, Part, RowKind

_NAMES: Final[Mapping[Part, tuple[str, ...]]] = {
    Part.QUESTION: ("prompt", "question", "query", "instruction", "user", "human", "problem", "request"),
    Part.ANSWER: ("completion", "response", "answer", "output", "assistant", "solution", "reply", "target"),
    Part.INPUT: ("input", "context"),
    Part.SYSTEM: ("system", "system_prompt"),
    Part.TEXT: ("document", "text", "content", "body", "passage", "article"),
}
"""Whole names, lower case, words joined by "_"; the likelier first."""

_ROLE_KEYS: Final = (("role", "content", RowKind.CHAT), ("from", "value", RowKind.SHAREGPT))
_FEW: Final = 200
"""Records that are looked at, at most."""
_LONG: Final = 40
"""Characters a text has on average before it may be a document."""


def guess_mapping(records: Iterable[Any]) -> ColumnMapping | None:
    """The likeliest mapping for a table with these first records; None if nothing fits."""
    rows = [record for record, _ in zip(records, range(_FEW), strict=False) if isinstance(record, Mapping)]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    seen = {column: [row[column] for row in rows if row.get(column) is not None] for column in columns}
    found = _conversations(seen) or _named_texts(seen) or _named_document(seen) or _texts(seen)
    return _with_extras(found, seen) if found else None


def _conversations(seen: Mapping[str, Sequence[Any]]) -> ColumnMapping | None:
    for column in sorted(seen, key=lambda column: _plain(column) not in {"messages", "conversations"}):
        for role, content, kind in _ROLE_KEYS:
            if _most(seen[column], lambda value, r=role, c=content: _is_chat(value, r, c)):  # type: ignore[misc]
                if _plain(column) in _NAMES[Part.QUESTION] + _NAMES[Part.ANSWER]:
                    break  # prompt and completion may be lists of messages, and belong together
                return ColumnMapping(kind, {Part.MESSAGES: column})
    return None


def _named_texts(seen: Mapping[str, Sequence[Any]]) -> ColumnMapping | None:
    """Question and answer by name. A question called `input` has no input besides."""
    answer = _called(seen, Part.ANSWER, _is_said)
    question = _called(seen, Part.QUESTION, _is_said)
    given = _called(seen, Part.INPUT, _is_text)
    if answer is None or (question is None and given is None):
        return None
    if question is None or given is None:
        return ColumnMapping(RowKind.PAIR, {Part.QUESTION: question or given or "", Part.ANSWER: answer})
    parts = {Part.QUESTION: question, Part.ANSWER: answer, Part.INPUT: given}
    return ColumnMapping(RowKind.INSTRUCTION, parts)


def _named_document(seen: Mapping[str, Sequence[Any]]) -> ColumnMapping | None:
    column = _called(seen, Part.TEXT, _is_text)
    return ColumnMapping(RowKind.DOCUMENT, {Part.TEXT: column}) if column else None


def _texts(seen: Mapping[str, Sequence[Any]]) -> ColumnMapping | None:
    """Names say nothing. Two columns of text ask and answer; a single one, or a single long one, is read."""
    spoken = _NAMES[Part.QUESTION] + _NAMES[Part.ANSWER]  # half of a pair is no document
    texts = [c for c, values in seen.items() if _plain(c) not in spoken and _most(values, _is_text)]
    if len(texts) == len(seen) == 2:
        return ColumnMapping(RowKind.PAIR, {Part.QUESTION: texts[0], Part.ANSWER: texts[1]})
    long = [column for column in texts if _average(seen[column]) >= _LONG]
    for candidates in (long, texts):
        if len(candidates) == 1:
            return ColumnMapping(RowKind.DOCUMENT, {Part.TEXT: candidates[0]})
    return None


def _with_extras(found: ColumnMapping, seen: Mapping[str, Sequence[Any]]) -> ColumnMapping:
    if found.kind is RowKind.DOCUMENT:
        return found
    extras = {
        Part.SYSTEM: _called(seen, Part.SYSTEM, _is_text),
        Part.TOOLS: "tools" if _most(seen.get("tools", ()), _is_tools) else None,
        Part.UNMASK: "unmask" if _all(seen.get("unmask", ()), lambda v: isinstance(v, bool)) else None,
    }
    for part, column in extras.items():
        if column is not None and found.part_of(column) is None:
            found = found.playing(column, part)
    return found


def _called(seen: Mapping[str, Sequence[Any]], part: Part, fits: Callable[[Any], bool]) -> str | None:
    for name in _NAMES[part]:
        for column, values in seen.items():
            if _plain(column) == name and (_most(values, fits) or (part is Part.INPUT and not values)):
                return column
    return None


def _plain(column: str) -> str:
    return "_".join(column.strip().lower().replace("-", " ").replace("_", " ").split())


def _most(values: Sequence[Any], fits: Callable[[Any], bool]) -> bool:
    return sum(map(fits, values)) * 2 > len(values)


def _all(values: Sequence[Any], fits: Callable[[Any], bool]) -> bool:
    return bool(values) and all(map(fits, values))


def _average(values: Sequence[Any]) -> float:
    return sum(len(value) for value in values if isinstance(value, str)) / max(len(values), 1)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not _is_number(value)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_said(value: Any) -> bool:
    """A text (an answer may well be a number), or messages."""
    return isinstance(value, str) or _is_chat(value, "role", "content")


def _is_chat(value: Any, role: str, content: str) -> bool:
    if isinstance(value, str):
        if not value.lstrip().startswith("["):
            return False
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return False
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and bool(value)
        and all(
            isinstance(turn, Mapping) and role in turn and turn.keys() & {content, "tool_calls"}
            for turn in value
        )
    )


def _is_tools(value: Any) -> bool:
    return isinstance(value, list) or (isinstance(value, str) and value.lstrip().startswith("["))
