"""RowWriter: rows as a JSONL or Parquet file that appears whole or not at all."""

import contextlib
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

from app.domain.errors import StudioError
from app.domain.sessions import StoredRow

_BATCH_ROWS: Final = 5_000


class MergedFiles:
    """A line, or a record, a row: its messages and what is known beside them, `meta`."""

    def write(self, path: Path, rows: Iterator[StoredRow]) -> int:
        """What is in the way stays as it was until the new file is whole. Raises StudioError."""
        if path.suffix not in (".jsonl", ".parquet"):
            raise StudioError(f"{path.name} is no name for a merge.", "End it in .jsonl or .parquet.")
        if path.exists() and not path.is_file():
            raise StudioError(f"{path} is no file.", "Name the file to write.")
        partial = path.with_name(path.name + ".partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write = _write_jsonl if path.suffix == ".jsonl" else _write_parquet
            count = write(partial, rows)
            partial.replace(path)
        except OSError as error:
            raise StudioError(
                f"{path} could not be written: {error.strerror or error}.",
                "Choose another folder, or make room, and merge again.",
            ) from error
        finally:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
        return count


def _write_jsonl(path: Path, rows: Iterator[StoredRow]) -> int:
    count = 0
    with path.open("wb") as file:
        for _, messages, _, meta in rows:
            beside = b', "meta": ' + meta.encode() if meta else b""
            file.write(b'{"messages": %s%s}\n' % (messages.encode(), beside))
            count += 1
        file.flush()
        os.fsync(file.fileno())
    return count


def _write_parquet(path: Path, rows: Iterator[StoredRow]) -> int:
    """Both columns are JSON text: no schema holds the messages of every source."""
    try:
        import pyarrow as arrow  # type: ignore[import-untyped]  # noqa: PLC0415
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise StudioError(
            "Writing Parquet needs a library that is not installed: pyarrow.",
            'Install it with: pip install "tunewright[local]". Or write a .jsonl file.',
        ) from error
    schema: Any = arrow.schema([("messages", arrow.string()), ("meta", arrow.string())])
    count = 0
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        while batch := list(islice(rows, _BATCH_ROWS)):
            columns = [[messages for _, messages, _, _ in batch], [meta for *_, meta in batch]]
            writer.write_table(arrow.table(columns, schema=schema))
            count += len(batch)
    return count
