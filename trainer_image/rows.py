"""What a row of training data is, whatever format it came in.

One definition for the app's importer and for `train.py`, so that what import accepts is what training
accepts. Imports only the standard library.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

MAX_LINE_BYTES: Final = 16 * 1024 * 1024
"""A longer line is refused without being read into memory."""

Bucket = Literal["malformed", "empty_answer"]
Message = dict[str, Any]

DOCUMENT: Final = "document"
"""Role of the one message of a row that is a plain document."""

_ROLES: Final = {
    "system": "system", "developer": "system",
    "user": "user", "human": "user",
    "assistant": "assistant", "gpt": "assistant", "model": "assistant",
    "tool": "tool", "function": "tool", "observation": "tool",
    DOCUMENT: DOCUMENT,
}  # fmt: skip

_MOST_DIGITS: Final = 4000
"""Python reads no longer numbers; nor does anybody mean them."""
_LONGEST_QUOTE: Final = 80

_KEPT: Final = (
    "tool_calls", "reasoning_content", "thinking", "name", "tool_call_id", "unmask", "tools",
)  # fmt: skip
"""Keys of a message that stay as they are."""

_CALL: Final = "function_call"
"""In ShareGPT data a turn of its own: an assistant's call of a tool, as JSON text."""


class RowError(Exception):
    """A row that cannot be trained on. `reason` is one sentence for people."""

    def __init__(self, bucket: Bucket, reason: str) -> None:
        super().__init__(reason)
        self.bucket: Bucket = bucket
        self.reason = reason


@dataclass(frozen=True)
class Row:
    """One training example: a conversation that ends with, or contains, an assistant's answer."""

    line: int
    """Line in the source, from 1."""
    messages: tuple[Message, ...]
    meta: Mapping[str, Any] = field(default_factory=dict)
    """What is known of the row and no model sees: `url`, `author`, `license`, `page`, unused columns."""


@dataclass(frozen=True)
class Refused:
    line: int
    bucket: Bucket
    reason: str


def read_jsonl(path: Path, *, document_column: str | None = None) -> Iterator[Row | Refused]:
    """Yield what became of each non-blank line of a JSONL file, in order; memory stays flat.

    With `document_column` each is a document, else a row of any known format. Raises OSError if the file
    cannot be read.
    """
    with path.open("rb") as file:
        for number, line in enumerate(_lines(file), start=1):
            if line is None:
                yield Refused(number, "malformed", f"the line is longer than {MAX_LINE_BYTES // 1024**2} MB")
                continue
            if not line.strip():
                continue
            yield parse_line(number, line, document_column)


def to_messages(record: Any) -> tuple[Message, ...]:
    """Turn a record of any known format into chat messages.

    Known, told apart by their keys: `messages` (chat), `conversations` (ShareGPT), `prompt`/`completion`,
    `instruction`/`input`/`output` (Alpaca), `document` or `text` (a plain document). A list of messages may
    also be stored as JSON text. A row's `system` becomes its first message; its `unmask` and `tools` become
    keys of its messages, so that they stay wherever messages are kept. Raises RowError.
    """
    if not isinstance(record, Mapping):
        raise RowError("malformed", "the row is not a JSON object")
    if "messages" in record:
        messages = _chat(record["messages"], role_key="role", text_key="content")
        if messages[0]["role"] == DOCUMENT and len(messages) == 1:
            return messages
    elif "conversations" in record:
        messages = _chat(record["conversations"], role_key="from", text_key="value")
    elif "prompt" in record and "completion" in record:
        messages = _pair(record["prompt"], record["completion"])
    elif "instruction" in record and "output" in record:
        given = _text(record, "instruction")
        extra = record.get("input") or ""
        if not isinstance(extra, str):
            raise RowError("malformed", "'input' is not text")
        messages = (
            {"role": "user", "content": f"{given}\n\n{extra}" if extra.strip() else given},
            {"role": "assistant", "content": _text(record, "output")},
        )
    elif "document" in record or "text" in record:
        return to_document(record, "document" if "document" in record else "text")
    else:
        keys = ", ".join(_clipped(key) for key in sorted(map(str, record))[:6]) or "no keys"
        raise RowError("malformed", f"no known format: the row has {keys}")
    _require_answer(messages)
    return _with_row_fields(_with_system(messages, record.get("system")), record)


def to_document(record: Any, column: str) -> tuple[Message, ...]:
    """Turn a record with its text in `column`, or one this module made, into a document. Raises RowError."""
    if not isinstance(record, Mapping):
        raise RowError("malformed", "the row is not a JSON object")
    if column not in record and isinstance(record.get("messages"), list):
        (first, *more) = _chat(record["messages"], role_key="role", text_key="content")
        if more or first["role"] != DOCUMENT:
            raise RowError("malformed", "the row is a conversation, not a plain document")
        return (first,)
    if column not in record:
        keys = ", ".join(_clipped(key) for key in sorted(map(str, record))[:6]) or "no keys"
        raise RowError("malformed", f"no column '{column}': the row has {keys}")
    text = _text(record, column)
    if not text.strip():
        raise RowError("empty_answer", "the document is empty")
    return ({"role": DOCUMENT, "content": text},)


def to_learn(record: Any, document_column: str | None) -> tuple[Message, ...]:
    r"""What a run learns of a record: without half of a character, which JSON can say (\ud83d), a session
    can keep, and no tokenizer takes. Raises RowError."""
    messages = to_document(record, document_column) if document_column else to_messages(record)
    try:
        for value in (value for message in messages for value in message.values()):
            (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)).encode()
    except UnicodeEncodeError:
        raise RowError("malformed", "a text has half of a character in it, written \\ud…") from None
    return messages


def _lines(file: BinaryIO) -> Iterator[bytes | None]:
    """Lines without a byte order mark; None stands for one that is too long."""
    first = True
    while line := file.readline(MAX_LINE_BYTES + 1):
        too_long = len(line) > MAX_LINE_BYTES and not line.endswith(b"\n")
        if too_long:
            line = b""  # let go of it before reading on
        while too_long and (rest := file.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
            pass
        if first:
            line, first = line.removeprefix(b"\xef\xbb\xbf"), False
        yield None if too_long else line


def parse_line(number: int, line: bytes, document_column: str | None) -> Row | Refused:
    try:
        record = parse_json(line.decode("utf-8"))
        messages = to_learn(record, document_column)
        return Row(number, messages, _meta(record))
    except (RowError, RecursionError, ValueError) as error:
        return refused_line(number, error)


def refused_line(number: int, error: RowError | RecursionError | ValueError) -> Refused:
    """Why a line of JSONL is no row, by what reading it raised."""
    match error:
        case RowError():
            return Refused(number, error.bucket, error.reason)
        case UnicodeDecodeError():
            return Refused(number, "malformed", "the line is not UTF-8 text")
        case RecursionError():
            return Refused(number, "malformed", "the line is nested too deeply")
        case _:  # json.JSONDecodeError
            return Refused(number, "malformed", f"the line is not JSON: {error}")


def _meta(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an exported row says of itself beside its messages."""
    meta = record.get("meta") if "messages" in record else None
    return meta if isinstance(meta, Mapping) else {}


def parse_json(text: str) -> Any:
    """JSON as the standard has it: no NaN, and no key twice, of which all but one would be lost.

    Raises RowError, ValueError, or RecursionError where it is nested too deeply.
    """
    return json.loads(
        text,
        parse_constant=_no_constant,
        parse_int=_whole,
        parse_float=_finite,
        object_pairs_hook=_no_twins,
    )


def _no_constant(name: str) -> Any:
    raise RowError("malformed", f"the line is not JSON: {name} is no number there")


def _whole(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise RowError("malformed", f"a number has {len(digits):,} digits")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise RowError("malformed", f"the number {_quoted(digits)} is too large")
    return number


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        keys = [key for key, _ in pairs]
        twin = next(key for key in keys if keys.count(key) > 1)
        raise RowError("malformed", f"the key {_quoted(twin)} is there twice")
    return record


def _quoted(value: Any) -> str:
    return _clipped(repr(value))


def _clipped(text: str) -> str:
    """What a reason may quote of a row, which may hold megabytes."""
    return text if len(text) <= _LONGEST_QUOTE else text[:_LONGEST_QUOTE] + "…"


def _chat(turns: Any, *, role_key: str, text_key: str) -> tuple[Message, ...]:
    if isinstance(turns, str):
        turns = _parsed(turns, "the conversation is text, but not a list of messages as JSON")
    if not isinstance(turns, list) or not turns:
        raise RowError("malformed", "the conversation is empty or not a list")
    return tuple(_turn(turn, role_key, text_key) for turn in turns)


def _turn(turn: Any, role_key: str, text_key: str) -> Message:
    if not isinstance(turn, Mapping):
        raise RowError("malformed", "a message is not a JSON object")
    said_by = str(turn.get(role_key, turn.get("role", ""))).lower()
    content = _content(turn.get(text_key, turn.get("content")))
    if said_by == _CALL:
        calls = _parsed(content, "a function_call is not JSON")
        tool_calls = [
            {"type": "function", "function": call} for call in (calls if isinstance(calls, list) else [calls])
        ]
        return {"role": "assistant", "content": "", "tool_calls": tool_calls}
    role = _ROLES.get(said_by)
    if role is None:
        raise RowError("malformed", f"unknown role {_quoted(turn.get(role_key))}")
    if content is None and turn.get("tool_calls"):
        content = ""
    if not isinstance(content, str):
        raise RowError("malformed", "a message's content is not text")
    kept = {k: turn[k] for k in _KEPT if turn.get(k)}
    if isinstance(kept.get("tool_calls"), str):
        kept["tool_calls"] = _parsed(kept["tool_calls"], "'tool_calls' is text, but not JSON")
    if role == "assistant" and not _is_learnt(turn.get("weight")):
        kept["weight"] = 0
    return {"role": role, "content": content, **kept}


def _is_learnt(weight: Any) -> bool:
    """By OpenAI's key of an answer: 0 for one that is there to be read only."""
    if weight not in (None, 0, 1):
        raise RowError("malformed", f"a message's weight is {_quoted(weight)}, and only 0 and 1 are known")
    return bool(weight != 0)


def _content(given: Any) -> Any:
    """Text that comes in parts, put together; anything else as it is."""
    if not isinstance(given, list):
        return given
    for part in given:
        kind = part.get("type", "text") if isinstance(part, Mapping) else type(part).__name__
        if kind != "text":
            raise RowError(
                "malformed", f"a message's content has a part of type '{kind}'; only text is learnt"
            )
        if not isinstance(part.get("text"), str):
            raise RowError("malformed", "a part of a message's content has no text")
    return "".join(part["text"] for part in given) if given else None


def _parsed(text: Any, otherwise: str) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        raise RowError("malformed", otherwise) from None


def _with_row_fields(messages: tuple[Message, ...], record: Mapping[str, Any]) -> tuple[Message, ...]:
    if not isinstance(record.get("unmask", False), bool | None):
        raise RowError("malformed", "'unmask' is neither true nor false")
    if record.get("unmask"):
        messages = tuple(m if m["role"] == "system" else {**m, "unmask": True} for m in messages)
    if tools := record.get("tools"):
        tools = _parsed(tools, "'tools' is text, but not JSON") if isinstance(tools, str) else tools
        messages = ({**messages[0], "tools": tools}, *messages[1:]) if tools else messages
    return messages


def _with_system(messages: tuple[Message, ...], system: Any) -> tuple[Message, ...]:
    """The row's own system prompt first, unless the conversation has one."""
    if not isinstance(system, str) or not system.strip() or messages[0]["role"] == "system":
        return messages
    return ({"role": "system", "content": system}, *messages)


def _pair(prompt: Any, completion: Any) -> tuple[Message, ...]:
    """Prompt and completion, each plain text or a list of messages."""
    before = _chat(prompt, role_key="role", text_key="content") if isinstance(prompt, list) else None
    after = _chat(completion, role_key="role", text_key="content") if isinstance(completion, list) else None
    for name, value, chat in (("prompt", prompt, before), ("completion", completion, after)):
        if chat is None and not isinstance(value, str):
            raise RowError("malformed", f"'{name}' is not text")
    return (
        *(before or ({"role": "user", "content": prompt},)),
        *(after or ({"role": "assistant", "content": completion},)),
    )


def _text(record: Mapping[str, Any], key: str) -> str:
    value = record[key]
    if not isinstance(value, str):
        raise RowError("malformed", f"'{key}' is not text")
    return value


def _require_answer(messages: tuple[Message, ...]) -> None:
    if any(m["role"] == DOCUMENT for m in messages):
        raise RowError("malformed", "a plain document stands among the messages of a conversation")
    answers = [m for m in messages if m["role"] == "assistant"]
    if not answers:
        raise RowError("malformed", "the conversation has no assistant message")
    if not any(m["content"].strip() or m.get("tool_calls") for m in answers):
        raise RowError("empty_answer", "the answer is empty")
    if not any(m["role"] == "user" and m["content"].strip() for m in messages):
        raise RowError("malformed", "the question is empty")
