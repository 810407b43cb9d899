"""Learning more than the answers: the words of users and tools too, for a row or for the whole run.

What counts is the message's content, not the template's frame around it. A system message is never learnt.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from trainer_image.masking import Encoded, Encoder
from trainer_image.rendering import render
from trainer_image.rows import Message

_ALREADY_SETTLED: Final = {"assistant", "system"}

Span = tuple[int, int]


def with_unmasked(encode: Encoder, tokenizer: Any, *, every_row: bool) -> Encoder:
    """Add to what `encode` trains the messages marked `unmask`, or with `every_row` all but the system's."""

    def encode_more(messages: list[Message]) -> Encoded:
        encoded = encode(messages)
        wanted = {
            at
            for at, message in enumerate(messages)
            if message["role"] not in _ALREADY_SETTLED and (every_row or message.get("unmask"))
        }
        if not wanted:
            return encoded
        text = render(tokenizer, messages)
        spans = [span for at, span in content_spans(tokenizer, messages, text) if at in wanted]
        return _add(tokenizer, encoded, text, spans)

    return encode_more


def content_spans(tokenizer: Any, messages: list[Message], text: str) -> Iterator[tuple[int, Span]]:
    """Where in the rendered `text` the content of each message stands, without the white space around it.

    A message whose content the template leaves out or rewrites is not among them.
    """
    searched = 0
    for at, message in enumerate(messages):
        content = message["content"].strip()
        frame = _frame(tokenizer, messages, at, text)
        if frame:  # the last occurrence in it: the first might be the role's name in the heading
            begin = text.rfind(content, max(frame[0], searched), frame[1])
        else:
            begin = text.find(content, searched)
        if content and begin >= 0:
            searched = begin + len(content)
            yield at, (begin, searched)


def _frame(tokenizer: Any, messages: list[Message], at: int, text: str) -> Span | None:
    """Where the template puts the message with its heading; None if that cannot be told."""
    try:
        before = render(tokenizer, messages[:at]) if at else ""
        through = render(tokenizer, messages[: at + 1])
    except Exception:  # some templates refuse a conversation that ends there
        return None
    return (len(before), len(through)) if text.startswith(through) and through.startswith(before) else None


def _add(tokenizer: Any, encoded: Encoded, text: str, spans: list[Span]) -> Encoded:
    offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    assert len(offsets) == len(encoded.input_ids)
    trained = [
        was or (at > 0 and any(start < to and end > begin for begin, to in spans))
        for at, (was, (start, end)) in enumerate(zip(encoded.trained, offsets, strict=True))
    ]
    return replace(encoded, trained=trained)
