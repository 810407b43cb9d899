"""The way of the data: records → conversations → tokens. Every row ends in exactly one bucket."""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, Literal

from trainer_image.checkpoints import sha256_of
from trainer_image.config import FileDataset, HubDataset, RunConfig
from trainer_image.events import RefusedLine, Rows
from trainer_image.masking import Encoded, Masking, special_ids
from trainer_image.problems import RunFailedError, explain_hub
from trainer_image.rows import DOCUMENT, Refused, Row, RowError, read_jsonl, to_document, to_messages

IGNORED: Final = -100
"""The label of a token that carries no loss."""
_LISTED: Final = 100
_NOT_LOST: Final = {"trained", "validation", "duplicate"}
_CAUSES: Final = {
    "too_long": "too long",
    "too_short": "too short",
    "malformed": "malformed",
    "empty_answer": "with an empty answer",
    "refused_by_template": "refused by the model's chat template",
    "no_trained_token": "with nothing to learn from",
}


class Ledger:
    """What became of every row."""

    def __init__(self) -> None:
        self.read = 0
        self.buckets: Counter[str] = Counter()
        self.truncated = 0
        self._refused: list[RefusedLine] = []

    def keep(self, bucket: str = "trained") -> None:
        self.buckets[bucket] += 1

    def set_aside(self, rows: int) -> None:
        """Count as many of the rows to train on as validation instead."""
        self.buckets["trained"] -= rows
        self.buckets["validation"] += rows

    def refuse(self, line: int, bucket: str, reason: str) -> None:
        self.buckets[bucket] += 1
        if len(self._refused) < _LISTED:
            self._refused.append(RefusedLine(line=line, bucket=bucket, reason=reason))

    def event(self) -> Rows:
        total = sum(self.buckets.values())
        assert total == self.read, f"{self.read} rows were read, {total} are accounted for"
        return Rows(total=total, buckets=dict(self.buckets), refused=self._refused, truncated=self.truncated)

    def lost(self) -> Counter[str]:
        """Bucket → rows that were meant to be learnt and will not be. A duplicate's twin is learnt."""
        return Counter({bucket: count for bucket, count in self.buckets.items() if bucket not in _NOT_LOST})


class TrainingRows:
    """The rows to train on, in tokens. `input_ids[i]` and `labels[i]` are as long as each other."""

    def __init__(self) -> None:
        self.input_ids: list[array[int]] = []
        self.labels: list[array[int]] = []
        self.ledger = Ledger()
        self.validation: TrainingRows | None = None
        """Rows kept aside to measure on."""
        self.first_seen: dict[bytes, int] = {}
        """Digest of a row's tokens → its line."""
        self.stop_ids: set[int] = set()
        """Special tokens at the end of an answer."""
        self.lost_answers = 0
        self.shortest_too_long: int | None = None

    def sha256(self) -> str:
        """Content of the data as the model sees it."""
        return sha256_of(part.tobytes() for part in self._parts())

    def _parts(self) -> Iterator["array[int]"]:
        for row in zip(self.input_ids, self.labels, strict=True):
            yield from (array("q", [len(row[0])]), *row)
        if self.validation:
            yield array("q", [-1])
            yield from self.validation._parts()

    def add(self, encoded: Encoded, special: set[int]) -> None:
        labels = [
            token if trained else IGNORED
            for token, trained in zip(encoded.input_ids, encoded.trained, strict=True)
        ]
        self.input_ids.append(array("i", encoded.input_ids))
        self.labels.append(array("i", labels))
        after = [*labels[1:], IGNORED]
        ends = {token for token, following in zip(labels, after, strict=True) if following == IGNORED}
        self.stop_ids |= ends & special
        self.lost_answers += encoded.lost_answers


def open_rows(config: RunConfig, run_dir: Path) -> Iterator[Row | Refused]:
    """The rows of the run's dataset. Raises RunFailedError if it cannot be read."""
    column = config.document_column_name if config.is_pretraining else None
    if isinstance(config.dataset, HubDataset):
        return _hub_rows(config.dataset, column, offline=config.offline)
    return _file_rows(config.dataset, run_dir, column)


def open_validation_rows(config: RunConfig, run_dir: Path) -> Iterator[Row | Refused]:
    """The rows of the validation file, their reasons saying so. Raises RunFailedError."""
    assert config.validation_file
    column = config.document_column_name if config.is_pretraining else None
    for row in _file_rows(FileDataset(path=config.validation_file), run_dir, column):
        yield replace(row, reason=f"validation file: {row.reason}") if isinstance(row, Refused) else row


@dataclass(frozen=True)
class Limits:
    """Which rows are kept, and how much of them."""

    max_seq_len: int
    min_seq_len: int = 2
    over_long: Literal["drop", "truncate"] = "drop"
    drop_duplicates: bool = True


def tokenise(
    rows: Iterable[Row | Refused],
    tokenizer: Any,
    masking: Masking,
    *,
    max_seq_len: int,
    limits: Limits | None = None,
) -> TrainingRows:
    """Turn rows into tokens and labels; those that cannot be trained on are counted with their line."""
    result = TrainingRows()
    tokenise_into(result, rows, tokenizer, masking, limits or Limits(max_seq_len))
    return result


def tokenise_into(
    result: TrainingRows,
    rows: Iterable[Row | Refused],
    tokenizer: Any,
    masking: Masking,
    limits: Limits,
    *,
    ledger: Ledger | None = None,
    bucket: str = "trained",
) -> None:
    """Add the rows to `result`, and what became of each to the ledger: the result's own unless given."""
    special, ledger = special_ids(tokenizer), ledger or result.ledger
    for row in rows:
        ledger.read += 1
        try:
            result.add(_encode(row, masking, limits, result, ledger), special)
            ledger.keep(bucket)
        except NotUsableError as refusal:
            ledger.refuse(row.line, refusal.bucket, refusal.reason)


class NotUsableError(Exception):
    """A row that is left out, and why."""

    def __init__(self, bucket: str, reason: str) -> None:
        super().__init__(reason)
        self.bucket = bucket
        self.reason = reason


def _encode(
    row: Row | Refused, masking: Masking, limits: Limits, result: TrainingRows, ledger: Ledger
) -> Encoded:
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
    cut = length > limits.max_seq_len
    if cut and limits.over_long == "drop":
        result.shortest_too_long = min(length, result.shortest_too_long or length)
        reason = f"{length} tokens, more than max_seq_len {limits.max_seq_len}"
        raise NotUsableError("too_long", reason)
    if length < limits.min_seq_len:
        raise NotUsableError("too_short", f"{length} tokens, fewer than min_seq_len {limits.min_seq_len}")
    if cut:
        encoded = replace(
            encoded,
            input_ids=encoded.input_ids[: limits.max_seq_len],
            trained=encoded.trained[: limits.max_seq_len],
        )
    if not any(encoded.trained):
        what = f"nothing of its answer lies in the first {limits.max_seq_len} tokens" if cut else ""
        raise NotUsableError("no_trained_token", what or "none of its tokens would be trained")
    if limits.drop_duplicates:
        _refuse_seen(row, encoded, result)
    ledger.truncated += cut
    return encoded


def _refuse_seen(row: Row, encoded: Encoded, result: TrainingRows) -> None:
    digest = blake2b(array("i", encoded.input_ids).tobytes(), digest_size=16).digest()
    if digest in result.first_seen:
        raise NotUsableError("duplicate", f"the same tokens as line {result.first_seen[digest]}")
    result.first_seen[digest] = row.line


def limits_of(config: RunConfig) -> Limits:
    return Limits(config.max_seq_len, config.min_seq_len, config.over_long, config.drop_duplicates)


def require_enough_left(rows: TrainingRows, *, max_lost_share: float) -> None:
    """Raise RunFailedError, naming the biggest causes, if more than that share of the rows is lost."""
    total, lost = rows.ledger.read, rows.ledger.lost()
    if lost.total() <= max_lost_share * total:
        return
    causes = ", ".join(f"{count} {_CAUSES.get(bucket, bucket)}" for bucket, count in lost.most_common(3))
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


def _file_rows(dataset: FileDataset, run_dir: Path, column: str | None) -> Iterator[Row | Refused]:
    path = run_dir / Path(dataset.path).expanduser()
    try:
        yield from read_jsonl(path, document_column=column)
    except FileNotFoundError:
        raise RunFailedError(
            f"The data file '{path.name}' is not there.", f"It was expected at {path}."
        ) from None
    except OSError as error:
        raise RunFailedError(
            f"The data file '{path.name}' cannot be read: {error.strerror}.", f"It is at {path}."
        ) from error


def _hub_rows(dataset: HubDataset, column: str | None, *, offline: bool) -> Iterator[Row | Refused]:
    for number, record in enumerate(_load_hub(dataset, offline=offline), start=1):
        try:
            yield Row(number, to_document(record, column) if column else to_messages(record))
        except RowError as refusal:
            yield Refused(number, refusal.bucket, refusal.reason)


def _load_hub(dataset: HubDataset, *, offline: bool) -> Iterable[Any]:
    import datasets  # noqa: PLC0415 half a second

    try:
        loaded: Iterable[Any] = datasets.load_dataset(dataset.repo, name=dataset.config, split=dataset.split)
    except Exception as error:
        raise _explain_dataset(error, dataset, offline=offline) or error from error
    return loaded


def _explain_dataset(error: Exception, dataset: HubDataset, *, offline: bool) -> RunFailedError | None:
    if isinstance(error, ValueError) and ("split" in str(error) or "onfig" in str(error)):
        return RunFailedError(
            f"The dataset '{dataset.repo}' has no such split or config: {error}",
            "Choose one of those it names.",
        )
    if isinstance(error, RuntimeError) and "scripts are no longer supported" in str(error):
        return RunFailedError(
            f"The dataset '{dataset.repo}' is a program, which is not run here for safety.",
            "Choose a dataset that is stored as files (Parquet, JSON Lines or CSV).",
        )
    return explain_hub(error, kind="dataset", name=dataset.repo, offline=offline)
