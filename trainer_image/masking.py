"""Which tokens of a conversation carry loss: the assistant's words and the token that ends its turn.

Two ways to the same answer. A chat template with `{% generation %}` markers says it itself; for any other
the answers are found by rendering the conversation up to each of them, which works as long as the template
only ever appends. Text is tokenised without added special tokens: the template writes them all.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from trainer_image.problems import RunFailedError
from trainer_image.rendering import render, template_input
from trainer_image.rows import Message

_MARKER: Final = re.compile(r"\{%-?\s*generation\s*-?%\}")
_PROBE: Final[list[Message]] = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]


@dataclass(frozen=True)
class Encoded:
    """A conversation in tokens. `trained` is as long as `input_ids`."""

    input_ids: list[int]
    trained: list[bool]
    lost_answers: int = 0
    """Answers that cannot carry loss because the template rewrites earlier turns."""


Encoder = Callable[[list[Message]], Encoded]


@dataclass(frozen=True)
class Masking:
    """How this model's conversations become tokens, and what is worth telling about it."""

    encode: Encoder
    notices: list[str]
    of_documents: bool = False


def masking_for(tokenizer: Any) -> Masking:
    """Choose the way that suits the model's chat template. Raises RunFailedError if it has none."""
    template = _template(tokenizer)
    special = special_ids(tokenizer)
    by_prefixes: Encoder = lambda messages: encode_by_prefixes(tokenizer, messages)  # noqa: E731
    by_markers: Encoder = lambda messages: encode_by_markers(tokenizer, messages)  # noqa: E731
    if not _MARKER.search(template):
        return Masking(by_prefixes, _notices(by_prefixes, special))
    if _ends_turn(by_markers, special) or not _ends_turn(by_prefixes, special):
        by_either: Encoder = lambda messages: (  # noqa: E731 a marker tells no answer from another
            by_markers(messages) if all(map(is_learnt, messages)) else by_prefixes(messages)
        )
        return Masking(by_either, _notices(by_either, special))
    notice = "The chat template leaves the end-of-turn token out of the answer; it is trained all the same."
    return Masking(by_prefixes, [notice])


def encode_by_markers(tokenizer: Any, messages: list[Message]) -> Encoded:
    """Take the mask from the template's own `{% generation %}` blocks."""
    encoded = tokenizer.apply_chat_template(
        **template_input(messages), tokenize=True, return_dict=True, return_assistant_tokens_mask=True
    )
    trained = [bool(flag) for flag in encoded["assistant_masks"]]
    return _finish(tokenizer, Encoded(list(encoded["input_ids"]), trained))


def encode_by_prefixes(tokenizer: Any, messages: list[Message]) -> Encoded:
    """Find each answer as what the template adds after the prompt for it."""
    text = render(tokenizer, messages)
    spans = [
        _answer_span(tokenizer, messages, at, text)
        for at, message in enumerate(messages)
        if message["role"] == "assistant" and is_learnt(message)
    ]
    found = [span for span in spans if span is not None]
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    trained = [
        any(start < to and end > begin for begin, to in found) for start, end in encoded["offset_mapping"]
    ]
    return _finish(tokenizer, Encoded(list(encoded["input_ids"]), trained, len(spans) - len(found)))


def is_learnt(message: Message) -> bool:
    """Not an answer of weight 0, which is there to be read only."""
    return message.get("weight") != 0


def special_ids(tokenizer: Any) -> set[int]:
    """Tokens that stand for structure, not for text."""
    return {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}


def _template(tokenizer: Any) -> str:
    if not tokenizer.chat_template:
        raise RunFailedError(
            "The base model has no chat template, so it is not clear how a conversation looks to it.",
            "Choose an instruct or chat version of the model.",
        )
    if not tokenizer.is_fast:
        raise RunFailedError(
            "The model's tokenizer is of an old kind that cannot say where in the text a token lies.",
            "Choose a model with a tokenizer.json file.",
        )
    template: str = tokenizer.get_chat_template()
    return template


def _answer_span(tokenizer: Any, messages: list[Message], at: int, text: str) -> tuple[int, int] | None:
    """Where in `text` the answer `messages[at]` lies, its end-of-turn token included.

    None if the text is not what was rendered up to there and more, as with templates that drop the
    reasoning of earlier turns.
    """
    through = render(tokenizer, messages[: at + 1])
    before = render(tokenizer, messages[:at]) if at else ""
    closing = tokenizer.eos_token or ""
    if closing and not text.startswith(before) and text.startswith(before.removesuffix(closing)):
        # The template closes the whole text, as Phi-3's does: that is no part of a turn.
        before, through = before.removesuffix(closing), through.removesuffix(closing)
    if not text.startswith(through) or not through.startswith(before):
        return None
    prompt = render(tokenizer, messages[:at], add_generation_prompt=True) if at else ""
    # Some templates open a thought in the prompt that the finished answer does not have.
    begin = max(len(before), _shared(prompt, through))
    return begin, len(through)


def _shared(one: str, other: str) -> int:
    """Length of the beginning both have."""
    pairs = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _finish(tokenizer: Any, encoded: Encoded) -> Encoded:
    """Take the white space behind an end-of-turn token out, and the first token, which nothing predicts."""
    special = special_ids(tokenizer)
    trained = list(encoded.trained)
    for at, token in enumerate(encoded.input_ids):
        follows_end = at > 0 and trained[at] and encoded.input_ids[at - 1] in special and trained[at - 1]
        last = at + 1 == len(trained) or not trained[at + 1]
        if at == 0 or (follows_end and last and not tokenizer.decode([token]).strip()):
            trained[at] = False
    return replace(encoded, trained=trained)


def _ends_turn(encode: Encoder, special: set[int]) -> bool:
    """Whether the last trained token of an answer is the one that ends the turn."""
    try:
        encoded = encode(_PROBE)
    except Exception:  # a template may refuse the probe, as it may refuse a row
        return True
    ids = [token for token, flag in zip(encoded.input_ids, encoded.trained, strict=True) if flag]
    return bool(ids) and ids[-1] in special


def _notices(encode: Encoder, special: set[int]) -> list[str]:
    if _ends_turn(encode, special):
        return []
    return ["The chat template ends an answer without a special token: the model may not learn to stop."]
