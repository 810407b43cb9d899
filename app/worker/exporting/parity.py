"""Whether what was exported reads and answers as the training had it: held-out prompts, one by one.

Answers are compared token by token, each after the same tokens: where the export chose another token, the
trained model's is put in its place and the comparison goes on. A difference is clear where the trained model
gave its own token a score that is better by more than a margin: rounding decides close calls either way.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from app.domain.exports import AnswerPair, Certificate, Check, ExportFormat, MlxBits, Quantization
from app.worker.exporting.reference import Answer, Reading, Reference
from app.worker.exporting.runtimes import Messages, Reader, Runtime
from app.worker.llama_cpp import RefusedError

ANSWER_TOKENS: Final = 24
_CONTEXT_SHOWN: Final = 24


@dataclass(frozen=True)
class Bounds:
    """How far an export may be from what was trained."""

    margin: float
    """A token whose score is lower by no more than this (natural logarithm) is as good."""
    share: float
    """Of all tokens that may be clearly different."""


_AS_TRAINED: Final = Bounds(margin=0.3, share=0.02)
_BOUNDS: Final = {
    Quantization.F16: _AS_TRAINED,
    Quantization.BF16: _AS_TRAINED,
    Quantization.Q8_0: Bounds(margin=0.5, share=0.03),
    Quantization.Q5_K_M: Bounds(margin=1.0, share=0.05),
    Quantization.Q4_K_M: Bounds(margin=1.0, share=0.10),
}
_MLX_BOUNDS: Final = {
    MlxBits.SIXTEEN: _AS_TRAINED,
    MlxBits.EIGHT: _BOUNDS[Quantization.Q8_0],
    MlxBits.FOUR: _BOUNDS[Quantization.Q4_K_M],
}

Tell = Callable[[str, float], None]


def bounds_of(format: ExportFormat, quantization: Quantization, mlx_bits: MlxBits = MlxBits.EIGHT) -> Bounds:
    if format is ExportFormat.MLX:
        return _MLX_BOUNDS[mlx_bits]
    return _BOUNDS[quantization] if format is ExportFormat.GGUF else _AS_TRAINED


@dataclass(frozen=True)
class Read:
    """A held-out prompt, and how training and Quick Inference read it."""

    messages: Messages
    reading: Reading
    quick: Reading


@dataclass(frozen=True)
class Asked(Read):
    """One that the trained model has answered."""

    answer: Answer


@dataclass(frozen=True)
class Questions:
    """The prompts that can be asked, and why not where none can."""

    asked: Sequence[Asked]
    none_because: str = ""


def read(reference: Reference, prompts: Sequence[Messages]) -> list[Read]:
    """Without a model: only how they are read can be compared then."""
    return [
        Read(messages, reference.in_training(messages), reference.in_quick_inference(messages))
        for messages in prompts
    ]


def ask(reference: Reference, prompts: Sequence[Messages], context: int, tell: Tell) -> Questions:
    """Let the trained model answer; prompts that leave no room for an answer are left out."""
    asked, lengths = [], []
    for number, messages in enumerate(prompts):
        reading = reference.in_training(messages)
        lengths.append(len(reading.ids))
        if len(reading.ids) + ANSWER_TOKENS <= context:
            quick = reference.in_quick_inference(messages)
            asked.append(Asked(messages, reading, quick, reference.answer(reading.ids, ANSWER_TOKENS)))
        tell("The trained model answers prompts", (number + 1) / len(prompts))
    return Questions(asked, "" if asked else _too_long(lengths, context))


def _too_long(lengths: Sequence[int], context: int) -> str:
    if not lengths:
        return "there was no prompt to compare answers with."
    return (
        f"no prompt was short enough to compare answers with. The shortest of {len(lengths)} has "
        f"{min(lengths):,} tokens; with an answer of {ANSWER_TOKENS}, at most {context:,} are compared."
    )


def certify(
    reference: Reference, asked: Sequence[Asked], runtime: Runtime, bounds: Bounds, tell: Tell
) -> Certificate:
    """Every check is made, whatever the others say."""
    checks = certify_reading(reference, asked, runtime)
    pairs = tuple(
        _pair(reference, one, runtime, bounds, number, len(asked), tell) for number, one in enumerate(asked)
    )
    if pairs:
        checks = (*checks, _answers(pairs, bounds))
    return Certificate(runtime.name, checks, pairs)


def certify_reading(reference: Reference, asked: Sequence[Read], reader: Reader) -> tuple[Check, ...]:
    """The checks that need no model."""
    return (
        _same_in_app(reference, asked),
        _same_text(reference, asked, reader),
        _same_tokens(reference, asked, reader),
        _stops(reference, asked, reader),
    )


def _same_in_app(reference: Reference, asked: Sequence[Read]) -> Check:
    name = "Training and Quick Inference read alike"
    for number, one in enumerate(asked, start=1):
        if one.quick.text != one.reading.text:
            said = f"Prompt {number}: Quick Inference {difference(one.reading.text, one.quick.text)}"
            return Check(name, False, said)
        if one.quick.ids != one.reading.ids:
            return Check(
                name,
                False,
                _other_token(reference, number, one.reading.ids, one.quick.ids, "Quick Inference"),
            )
    return Check(name, True, f"{_count(asked)} the same text and the same tokens in training and in the app.")


def _same_text(reference: Reference, asked: Sequence[Read], runtime: Reader) -> Check:
    name = "The template writes the same text"
    for number, one in enumerate(asked, start=1):
        try:
            text = runtime.render(one.messages)
        except RefusedError as error:
            return Check(
                name, False, f"Prompt {number}: {runtime.name} cannot use the chat template: {error}"
            )
        # llama.cpp leaves the very first special token to its tokenizer.
        if one.reading.text not in (text, reference.first_text + text):
            return Check(name, False, f"Prompt {number}: {runtime.name} {difference(one.reading.text, text)}")
    return Check(name, True, f"{_count(asked)} the same text, letter by letter.")


def _same_tokens(reference: Reference, asked: Sequence[Read], runtime: Reader) -> Check:
    name = "The text becomes the same tokens"
    for number, one in enumerate(asked, start=1):
        try:
            found = runtime.tokenize(runtime.render(one.messages))
        except RefusedError as error:
            return Check(name, False, f"Prompt {number}: {runtime.name} reads nothing: {error}")
        if found != one.reading.ids:
            return Check(name, False, _other_token(reference, number, one.reading.ids, found, runtime.name))
    total = sum(len(one.reading.ids) for one in asked)
    return Check(name, True, f"All {total:,} tokens of the prompts are the same.")


def _other_token(
    reference: Reference, number: int, ours: Sequence[int], theirs: Sequence[int], name: str
) -> str:
    at = _first_difference(ours, theirs)
    return (
        f"Prompt {number}, token {at + 1}: training reads {_token(reference, ours, at)}, "
        f"{name} reads {_token(reference, theirs, at)}."
    )


def _stops(reference: Reference, asked: Sequence[Read], runtime: Reader) -> Check:
    name = "An answer ends where training ended it"
    words = ", ".join(sorted(map(reference.word, reference.stops)))
    if not reference.stops:
        return Check(
            name, False, "The chat template ends an answer without a special token: nothing can stop it."
        )
    for token in sorted(reference.stops):
        if asked and not runtime.stops_at(token, asked[0].reading.ids):
            return Check(
                name, False, f"{runtime.name} goes on after {reference.word(token)}, which ends an answer."
            )
    return Check(name, True, f"{runtime.name} stops at {words}.")


def _pair(
    reference: Reference, one: Asked, runtime: Runtime, bounds: Bounds, number: int, count: int, tell: Tell
) -> AnswerPair:
    tell(f"Comparing answers with {runtime.name}", number / count)
    ours, agreeing, clear = one.answer.tokens, 0, 0
    theirs = runtime.answer(one.reading.ids, len(ours))
    whole = theirs
    at = 0
    while at < len(ours):
        same = _first_difference(ours[at:], theirs)
        agreeing += min(same, len(ours) - at)
        at += same
        if at >= len(ours):
            break
        chosen = theirs[same] if same < len(theirs) else None
        scores = one.answer.scores[at]
        clear += chosen is None or bool(scores[ours[at]] - scores[chosen] > bounds.margin)
        at += 1
        if at < len(ours):
            theirs = runtime.answer([*one.reading.ids, *ours[:at]], len(ours) - at)
    asked = next((str(m.get("content")) for m in reversed(one.messages) if m.get("role") == "user"), "")
    return AnswerPair(asked, reference.words(ours), reference.words(whole), len(ours), agreeing, clear)


def _answers(pairs: Sequence[AnswerPair], bounds: Bounds) -> Check:
    tokens, same = sum(p.tokens for p in pairs), sum(p.agreeing for p in pairs)
    clear = sum(p.clear for p in pairs)
    share = clear / max(tokens, 1)
    alike = sum(p.agreeing == p.tokens for p in pairs)
    said = (
        f"{alike} of {len(pairs)} answers are the same; of {tokens:,} tokens "
        f"{100 * same / max(tokens, 1):.1f} % are, and {100 * share:.1f} % are clearly others "
        f"(allowed: {100 * bounds.share:.0f} %)."
    )
    return Check("The answers are the same", share <= bounds.share, said)


def difference(ours: str, theirs: str) -> str:
    """Where two texts part, in words."""
    at = _first_difference(ours, theirs)
    shown = slice(max(at - _CONTEXT_SHOWN // 2, 0), at + _CONTEXT_SHOWN)
    return f"differs from letter {at + 1} on: training has {ours[shown]!r}, it has {theirs[shown]!r}."


def _first_difference(ours: Sequence[object], theirs: Sequence[object]) -> int:
    pairs = zip(ours, theirs, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(ours), len(theirs)))


def _token(reference: Reference, ids: Sequence[int], at: int) -> str:
    return f"{ids[at]} ({reference.word(ids[at])!r})" if at < len(ids) else "nothing"


def _count(asked: Sequence[Read]) -> str:
    return f"{len(asked)} {'prompt has' if len(asked) == 1 else 'prompts have'}"
