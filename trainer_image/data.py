"""The way of the data: records → conversations → tokens. Every row ends in exactly one bucket."""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from heapq import nlargest
from pathlib import Path
from typing import Any, Final

from trainer_image.checkpoints import sha256_of
from trainer_image.config import FileDataset, HubDataset, RunConfig
from trainer_image.events import RefusedLine, Rows
from trainer_image.masking import Encoded, Masking, special_ids
from trainer_image.problems import RunFailedError, explain_hub
from trainer_image.rows import Refused, Row, RowError, read_jsonl, to_messages

IGNORED: Final = -100
"""The label of a token that carries no loss."""
_LISTED: Final = 100


class Ledger:
    """What became of every row."""

    def __init__(self) -> None:
        self.read = 0
        self.buckets: Counter[str] = Counter()
        self._refused: list[RefusedLine] = []

    def trained(self) -> None:
        self.buckets["trained"] += 1

    def refuse(self, line: int, bucket: str, reason: str) -> None:
        self.buckets[bucket] += 1
        if len(self._refused) < _LISTED:
            self._refused.append(RefusedLine(line=line, bucket=bucket, reason=reason))

    def event(self) -> Rows:
        total = sum(self.buckets.values())
        assert total == self.read, f"{self.read} rows were read, {total} are accounted for"
        return Rows(total=total, buckets=dict(self.buckets), refused=self._refused)


class TrainingRows:
    """The rows to train on, in tokens. `input_ids[i]` and `labels[i]` are as long as each other."""

    def __init__(self) -> None:
        self.input_ids: list[array[int]] = []
        self.labels: list[array[int]] = []
        self.ledger = Ledger()
        self.stop_ids: set[int] = set()
        """Special tokens at the end of an answer."""
        self.lost_answers = 0
        self.shortest_too_long: int | None = None

    @property
    def longest(self) -> int:
        """Tokens of the longest row to train on."""
        return max(map(len, self.input_ids), default=0)

    def longest_at(self, count: int) -> list[int]:
        """Where the `count` longest rows are, the longest first."""
        return nlargest(count, range(len(self.input_ids)), key=lambda at: len(self.input_ids[at]))

    def sha256(self) -> str:
        """Content of the data as the model sees it."""
        rows = zip(self.input_ids, self.labels, strict=True)
        return sha256_of(part.tobytes() for row in rows for part in (array("q", [len(row[0])]), *row))

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
        self.ledger.trained()


def open_rows(config: RunConfig, run_dir: Path) -> Iterator[Row | Refused]:
    """The rows of the run's dataset. Raises RunFailedError if it cannot be read."""
    if isinstance(config.dataset, HubDataset):
        return _hub_rows(config.dataset, offline=config.offline)
    return _file_rows(config.dataset, run_dir)


def tokenise(
    rows: Iterable[Row | Refused], tokenizer: Any, masking: Masking, *, max_seq_len: int
) -> TrainingRows:
    """Turn rows into tokens and labels; those that cannot be trained on are counted with their line."""
    result, special = TrainingRows(), special_ids(tokenizer)
    for row in rows:
        result.ledger.read += 1
        if isinstance(row, Refused):
            result.ledger.refuse(row.line, row.bucket, row.reason)
            continue
        try:
            encoded = masking.encode(list(row.messages))
        except Exception as error:  # templates are programs of strangers and raise anything
            reason = f"the model's chat template refuses it: {error}"
            result.ledger.refuse(row.line, "refused_by_template", reason[:300])
            continue
        length = len(encoded.input_ids)
        if length > max_seq_len:
            reason = f"{length} tokens, more than max_seq_len {max_seq_len}"
            result.ledger.refuse(row.line, "too_long", reason)
            result.shortest_too_long = min(length, result.shortest_too_long or length)
        elif not any(encoded.trained):
            result.ledger.refuse(row.line, "no_trained_token", "none of its tokens would be trained")
        else:
            result.add(encoded, special)
    return result


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


def _file_rows(dataset: FileDataset, run_dir: Path) -> Iterator[Row | Refused]:
    path = run_dir / Path(dataset.path).expanduser()
    try:
        yield from read_jsonl(path)
    except FileNotFoundError:
        raise RunFailedError(
            f"The data file '{path.name}' is not there.", f"It was expected at {path}."
        ) from None
    except OSError as error:
        raise RunFailedError(
            f"The data file '{path.name}' cannot be read: {error.strerror}.", f"It is at {path}."
        ) from error


def _hub_rows(dataset: HubDataset, *, offline: bool) -> Iterator[Row | Refused]:
    for number, record in enumerate(_load_hub(dataset, offline=offline), start=1):
        try:
            yield Row(number, to_messages(record))
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
