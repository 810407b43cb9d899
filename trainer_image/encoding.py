"""From a row to its tokens, or to the reason why it is left out: all that can be said of a row by itself.

What is said here depends on no other row, so that rows can be encoded anywhere and in any order.
"""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Literal

from trainer_image.config import RunConfig
from trainer_image.masking import Encoded, Masking
from trainer_image.rows import DOCUMENT, Refused, Row


@dataclass(frozen=True)
class Limits:
    """Which rows are kept, and how much of them."""

    max_seq_len: int
    min_seq_len: int = 2
    over_long: Literal["drop", "truncate"] = "drop"
    drop_duplicates: bool = True


ENDLESS = 2**62
"""No row is longer: documents are cut into blocks, however long they are."""


def limits_of(config: RunConfig) -> Limits:
    if config.is_pretraining:
        return Limits(ENDLESS, drop_duplicates=config.drop_duplicates)
    return Limits(config.max_seq_len, config.min_seq_len, config.over_long, config.drop_duplicates)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a row. Its tokens are the next `kept` of its chunk."""

    line: int
    kept: int = 0
    length: int | None = None
    """In tokens, before anything is cut off; None if it never came to tokens."""
    bucket: str = ""
    """Where it goes if it is left out; empty if it may be kept."""
    reason: str = ""
    cut: bool = False
    lost_answers: int = 0
    stop_ids: tuple[int, ...] = ()
    """Special tokens at the end of its answers."""
    digest: bytes = b""


@dataclass(slots=True)
class Chunk:
    """What became of some rows, in their order."""

    outcomes: list[Outcome] = field(default_factory=list)
    ids: "array[int]" = field(default_factory=lambda: array("i"))
    trained: bytearray = field(default_factory=bytearray)


class NotUsableError(Exception):
    """A row that is left out, and why."""

    def __init__(self, bucket: str, reason: str, *, length: int | None = None) -> None:
        super().__init__(reason)
        self.bucket = bucket
        self.reason = reason
        self.length = length


def encode(rows: Iterable[Row | Refused], masking: Masking, limits: Limits, special: set[int]) -> Chunk:
    chunk = Chunk()
    for row in rows:
        try:
            encoded, length = usable(row, masking, limits)
        except NotUsableError as refusal:
            chunk.outcomes.append(
                Outcome(row.line, bucket=refusal.bucket, reason=refusal.reason, length=refusal.length)
            )
            continue
        ids = array("i", encoded.input_ids)
        chunk.ids.extend(ids)
        chunk.trained += bytes(encoded.trained)
        chunk.outcomes.append(
            Outcome(
                row.line,
                kept=len(ids),
                length=length,
                cut=length > len(ids),
                lost_answers=encoded.lost_answers,
                stop_ids=tuple(ends(encoded) & special),
                digest=blake2b(ids.tobytes(), digest_size=16).digest(),
            )
        )
    return chunk


def usable(row: Row | Refused, masking: Masking, limits: Limits) -> tuple[Encoded, int]:
    """The row's tokens that are kept, and how many there were. Raises NotUsableError."""
    if isinstance(row, Refused):
        raise NotUsableError(row.bucket, row.reason)
    if row.messages[0]["role"] == DOCUMENT and not masking.of_documents:
        raise NotUsableError("malformed", "a plain document; a run on documents has is_pretraining on")
    try:
        encoded = masking.encode(list(row.messages))
    except Exception as error:  # templates are programs of strangers and raise anything
        reason = f"the model's chat template refuses it: {error}"
        raise NotUsableError("refused_by_template", reason[:300]) from None
    length = len(encoded.input_ids)
    _require_fitting(length, limits)
    if length > limits.max_seq_len:
        ids, trained = encoded.input_ids[: limits.max_seq_len], encoded.trained[: limits.max_seq_len]
        encoded = replace(encoded, input_ids=ids, trained=trained)
    if not any(encoded.trained):
        cut = length > limits.max_seq_len
        what = f"nothing of its answer lies in the first {limits.max_seq_len} tokens" if cut else ""
        raise NotUsableError("no_trained_token", what or "none of its tokens would be trained", length=length)
    return encoded, length


def _require_fitting(length: int, limits: Limits) -> None:
    if length > limits.max_seq_len and limits.over_long == "drop":
        reason = f"{length} tokens, more than max_seq_len {limits.max_seq_len}"
        raise NotUsableError("too_long", reason, length=length)
    if length < limits.min_seq_len:
        reason = f"{length} tokens, fewer than min_seq_len {limits.min_seq_len}"
        raise NotUsableError("too_short", reason, length=length)


def ends(encoded: Encoded) -> set[int]:
    """The last token of each stretch that is trained."""
    following = [*encoded.trained[1:], False]
    return {
        token
        for token, trained, goes_on in zip(encoded.input_ids, encoded.trained, following, strict=True)
        if trained and not goes_on
    }
