"""The rows of a run's dataset, from a file or from the Hub, before any of them is a token."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from trainer_image.config import FileDataset, HubDataset, RunConfig
from trainer_image.problems import RunFailedError, explain_hub
from trainer_image.rows import Refused, Row, RowError, read_jsonl, to_learn


@dataclass(frozen=True)
class Source:
    """Rows to read, once, and what tells them from other rows."""

    rows: Iterator[Row | Refused]
    _identity: Path | str

    def identity(self) -> str:
        """The same for the same content. Reads a file once more."""
        if isinstance(self._identity, str):
            return self._identity
        with self._identity.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def open_rows(config: RunConfig, run_dir: Path) -> Source:
    """The rows of the run's dataset. Raises RunFailedError if it cannot be read."""
    column = config.document_column_name if config.is_pretraining else None
    if isinstance(config.dataset, HubDataset):
        return _hub_source(config.dataset, column, offline=config.offline)
    return _file_source(config.dataset, run_dir, column)


def open_validation_rows(config: RunConfig, run_dir: Path) -> Source:
    """The rows of the validation file, their reasons saying so. Raises RunFailedError."""
    assert config.validation_file
    column = config.document_column_name if config.is_pretraining else None
    source = _file_source(FileDataset(path=config.validation_file), run_dir, column)
    return replace(source, rows=map(_of_validation_file, source.rows))


def _of_validation_file(row: Row | Refused) -> Row | Refused:
    return replace(row, reason=f"validation file: {row.reason}") if isinstance(row, Refused) else row


def _file_source(dataset: FileDataset, run_dir: Path, column: str | None) -> Source:
    path = run_dir / Path(dataset.path).expanduser()
    return Source(_file_rows(path, column), path)


def _hub_source(dataset: HubDataset, column: str | None, *, offline: bool) -> Source:
    loaded = _load_hub(dataset, offline=offline)
    return Source(_hub_rows(loaded, column), f"{dataset.repo} {loaded._fingerprint}")


def _file_rows(path: Path, column: str | None) -> Iterator[Row | Refused]:
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


def _hub_rows(records: Iterable[Any], column: str | None) -> Iterator[Row | Refused]:
    for number, record in enumerate(records, start=1):
        try:
            yield Row(number, to_learn(record, column))
        except RowError as refusal:
            yield Refused(number, refusal.bucket, refusal.reason)


def _load_hub(dataset: HubDataset, *, offline: bool) -> Any:
    import datasets  # noqa: PLC0415 half a second

    try:
        return datasets.load_dataset(dataset.repo, name=dataset.config, split=dataset.split)
    except Exception as error:
        raise _explain_dataset(error, dataset, offline=offline) or error from error


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
