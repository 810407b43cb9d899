"""The rows to train on, in tokens, and how they are gathered; no row is lost without a word."""

import sqlite3
from array import array
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np

from trainer_image.checkpoints import sha256_of
from trainer_image.encoding import Chunk, Limits, Outcome, encode
from trainer_image.events import Lengths
from trainer_image.ledger import Ledger
from trainer_image.masking import Masking, special_ids
from trainer_image.problems import RunFailedError
from trainer_image.rows import Refused, Row
from trainer_image.tokens import NOTHING, Column, Tokens, Writer, in_memory

IGNORED: Final = -100
"""The label of a token that carries no loss."""
CAUSES: Final = {
    "too_long": "too long",
    "too_short": "too short",
    "malformed": "malformed",
    "empty_answer": "with an empty answer",
    "refused_by_template": "refused by the model's chat template",
    "no_trained_token": "with nothing to learn from",
}


class TrainingRows:
    """The rows to train on, in tokens. `input_ids[i]` and `labels[i]` are as long as each other."""

    def __init__(self, tokens: Tokens = NOTHING) -> None:
        self.tokens = tokens
        self.ledger = Ledger()
        self.validation: TrainingRows | None = None
        """Rows kept aside to measure on."""
        self.stop_ids: set[int] = set()
        """Special tokens at the end of an answer."""
        self.lost_answers = 0
        self.shortest_too_long: int | None = None

    @property
    def input_ids(self) -> Column:
        return Column(self.tokens, lambda ids, _: ids)

    @property
    def labels(self) -> Column:
        return Column(self.tokens, lambda ids, trained: np.where(trained, ids, np.int32(IGNORED)))

    @property
    def lengths(self) -> list[int]:
        """Tokens of each row."""
        lengths: list[int] = self.tokens.lengths.tolist()
        return lengths

    def sha256(self) -> str:
        """Content of the data as the model sees it."""
        return sha256_of(part.tobytes() for part in self._parts())

    def _parts(self) -> Iterator["array[int]"]:
        for row in zip(self.input_ids, self.labels, strict=True):
            yield from (array("q", [len(row[0])]), *row)
        if self.validation:
            yield array("q", [-1])
            yield from self.validation._parts()


class FirstSeen:
    """Remembers which line had which tokens first, on disk, so that memory stays flat.

    Without a folder it remembers in memory.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._database = sqlite3.connect(
            folder / "seen.sqlite" if folder else ":memory:", isolation_level=None
        )
        for statement in (
            "PRAGMA journal_mode = OFF",
            "PRAGMA synchronous = OFF",
            "CREATE TABLE seen (digest BLOB PRIMARY KEY, line INTEGER) WITHOUT ROWID",
            "BEGIN",
        ):
            self._database.execute(statement)

    def before(self, digest: bytes, line: int) -> int | None:
        """The line that had it first; None if this is the first."""
        added = self._database.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (digest, line))
        if added.rowcount:
            return None
        found = self._database.execute("SELECT line FROM seen WHERE digest = ?", (digest,)).fetchone()
        return int(found[0])

    def close(self) -> None:
        self._database.close()


class Gathering:
    """Takes what became of rows, in their order, into the ledger and the writer."""

    def __init__(
        self, writer: Writer, ledger: Ledger, seen: FirstSeen | None, *, bucket: str = "trained"
    ) -> None:
        self._writer, self._ledger, self._seen, self._bucket = writer, ledger, seen, bucket
        self._lengths = array("i")
        self.stop_ids: set[int] = set()
        self.lost_answers = 0
        self.shortest_too_long: int | None = None

    def take(self, chunk: Chunk) -> None:
        ids, trained, at = memoryview(chunk.ids), memoryview(chunk.trained), 0
        for outcome in chunk.outcomes:
            mine = slice(at, at + outcome.kept)
            at += outcome.kept
            self._ledger.read += 1
            if outcome.length is not None:
                self._lengths.append(outcome.length)
            if self._is_kept(outcome):
                self._writer.add(ids[mine], trained[mine])

    def lengths(self) -> Lengths | None:
        """How long the rows are, those that are too long or too short among them."""
        if not self._lengths:
            return None
        # The inverted CDF names a length that a row has: so much of the rows is no longer than that.
        cuts = np.quantile(
            np.frombuffer(self._lengths, np.int32), [0.5, 0.95, 0.99, 1], method="inverted_cdf"
        )
        p50, p95, p99, longest = (int(cut) for cut in cuts)
        return Lengths(p50=p50, p95=p95, p99=p99, max=longest)

    def _is_kept(self, outcome: Outcome) -> bool:
        if outcome.bucket == "too_long" and outcome.length:
            self.shortest_too_long = min(outcome.length, self.shortest_too_long or outcome.length)
        if outcome.bucket:
            self._ledger.refuse(outcome.line, outcome.bucket, outcome.reason)
            return False
        first = self._seen and self._seen.before(outcome.digest, outcome.line)
        if first:
            self._ledger.refuse(outcome.line, "duplicate", f"the same tokens as line {first}")
            return False
        self._ledger.keep(self._bucket)
        self._ledger.truncated += outcome.cut
        self.stop_ids.update(outcome.stop_ids)
        self.lost_answers += outcome.lost_answers
        return True


def tokenise(
    rows: Iterable[Row | Refused],
    tokenizer: Any,
    masking: Masking,
    *,
    max_seq_len: int,
    limits: Limits | None = None,
) -> TrainingRows:
    """Turn rows into tokens in memory; those that cannot be trained on are counted with their line."""
    limits = limits or Limits(max_seq_len)
    special = special_ids(tokenizer)
    seen = FirstSeen() if limits.drop_duplicates else None
    return gather_in_memory((encode([row], masking, limits, special) for row in rows), Ledger(), seen)


def gather_in_memory(
    chunks: Iterable[Chunk], ledger: Ledger, seen: FirstSeen | None, *, bucket: str = "trained"
) -> TrainingRows:
    ids, trained = BytesIO(), BytesIO()
    writer = Writer(ids, trained)
    gathering = Gathering(writer, ledger, seen, bucket=bucket)
    for chunk in chunks:
        gathering.take(chunk)
    return as_rows(gathering, ledger, in_memory(ids.getvalue(), trained.getvalue(), writer.starts))


def as_rows(gathering: Gathering, ledger: Ledger, tokens: Tokens) -> TrainingRows:
    rows = TrainingRows(tokens)
    rows.ledger = ledger
    rows.stop_ids, rows.lost_answers = gathering.stop_ids, gathering.lost_answers
    rows.shortest_too_long = gathering.shortest_too_long
    if rows.ledger.lengths is None:  # the rows to train on come first
        rows.ledger.lengths = gathering.lengths()
    return rows


def require_enough_left(rows: TrainingRows, *, max_lost_share: float) -> None:
    """Raise RunFailedError, naming the biggest causes, if more than that share of the rows is lost."""
    total, lost = rows.ledger.read, rows.ledger.lost()
    if lost.total() <= max_lost_share * total:
        return
    causes = ", ".join(f"{count} {CAUSES.get(bucket, bucket)}" for bucket, count in lost.most_common(3))
    share = f"{100 * lost.total() / total:.0f} %"
    raise RunFailedError(
        f"{share} of the rows ({lost.total()} of {total}) cannot be used: {causes}.",
        "Correct the rows (the lines are listed with their reasons)"
        + (", raise max_seq_len or set over_long to truncate" if lost["too_long"] else "")
        + f", or raise max_lost_share, now {max_lost_share:g}, to train on the rest.",
    )


def require_something_to_train(rows: TrainingRows, *, max_seq_len: int) -> None:
    """Raise RunFailedError, saying what is the matter with the data, if no row is left."""
    if rows.input_ids:
        return
    total, buckets = rows.ledger.read, rows.ledger.buckets
    if not total:
        raise RunFailedError("The dataset is empty.", "Choose a dataset with at least one row.")
    if buckets["too_long"] == total:
        raise RunFailedError(
            f"Every row is longer than {max_seq_len} tokens (the shortest has {rows.shortest_too_long}).",
            "Raise max_seq_len, or shorten the rows.",
        )
    counts = ", ".join(f"{bucket.replace('_', ' ')}: {count}" for bucket, count in buckets.most_common())
    raise RunFailedError(
        f"None of the {total} rows can be trained on ({counts}).",
        "Look at the reasons beside the rows that were left out; a row needs a question and an answer.",
    )
