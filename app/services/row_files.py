"""Sessions as files: JSONL, Parquet and CSV. A file appears whole or not at all."""

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol

from app.domain.errors import StudioError
from app.domain.ready_rows import ReadyRow
from app.domain.sessions import ExportFormat, SessionRow
from trainer_image.rows import Row

_TOLD_ROWS: Final = 500
_GROUP_ROWS: Final = 5_000
"""Rows of a Parquet row group."""

Progress = Callable[[int], None]
"""Told how many rows are written; may raise to stop, and then there is no file."""


class ExportCancelledError(StudioError):
    def __init__(self) -> None:
        super().__init__("The export was cancelled.", "No file was written.")


class _Writer(Protocol):
    def __call__(self, path: Path, rows: Iterator[SessionRow], *, with_meta: bool) -> None: ...


def write_rows(
    path: Path,
    rows: Iterable[SessionRow],
    file_format: ExportFormat = ExportFormat.JSONL,
    *,
    with_meta: bool = True,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> int:
    """Returns the number of rows. Raises StudioError if it cannot be written, or is there already.

    `with_meta` adds what is known of each row beside what a model sees, so that importing the file again
    loses nothing.
    """
    count = 0

    def counted() -> Iterator[SessionRow]:
        nonlocal count
        for row in rows:
            yield row
            count += 1
            if progress is not None and count % _TOLD_ROWS == 0:
                progress(count)

    with appearing(path, overwrite=overwrite) as partial:
        _WRITERS[file_format](partial, counted(), with_meta=with_meta)
    return count


@contextmanager
def appearing(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """A path to write to; what was written there takes its name at the end, and is gone after a failure."""
    with _speaking_of(path):
        if path.exists() and not path.is_file():  # a folder, or a device that a rename would replace
            raise StudioError(f"{path} is no file.", "Name the file to write.")
        if path.exists() and not overwrite:
            hint = "Name another file, or allow replacing it (--force)."
            raise StudioError(f"{path} exists already.", hint)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        try:
            yield partial
            with partial.open("r+b") as written:
                os.fsync(written.fileno())
            partial.replace(path)
        finally:
            with suppress(OSError):
                partial.unlink()


@contextmanager
def _speaking_of(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StudioError(
            f"{path} could not be written: {error.strerror or error}.",
            "Choose another folder, or make room, and export again.",
        ) from error


def as_line(row: SessionRow | Row | ReadyRow, *, with_meta: bool = False) -> str:
    """A row as a line of JSONL."""
    return _as_json(_record(row, with_meta=with_meta)) + "\n"


def _write_jsonl(path: Path, rows: Iterator[SessionRow], *, with_meta: bool) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(as_line(row, with_meta=with_meta) for row in rows)


def _write_csv(path: Path, rows: Iterator[SessionRow], *, with_meta: bool) -> None:
    """Messages are nested, and CSV knows text only: they are JSON in their column."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["messages", "meta"] if with_meta else ["messages"])
        for row in rows:
            meta = [_as_json(row.meta) if row.meta else ""] if with_meta else []
            writer.writerow([_as_json(row.messages), *meta])


def _write_parquet(path: Path, rows: Iterator[SessionRow], *, with_meta: bool) -> None:
    """`messages` as a list of records, as the Hub shows conversations; what is nested deeper is JSON text."""
    pa, pq = _parquet_library()
    message = pa.struct([(key, pa.bool_() if key == "unmask" else pa.string()) for key in _MESSAGE_KEYS])
    columns = [("messages", pa.list_(message)), ("tools", pa.string())]
    schema = pa.schema([*columns, ("meta", pa.string())] if with_meta else columns)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while group := list(islice(rows, _GROUP_ROWS)):
            try:
                records = [_flat(row, with_meta=with_meta) for row in group]
                writer.write_table(pa.Table.from_pylist(records, schema))
            except UnicodeEncodeError as error:
                raise StudioError(
                    f"One of the rows {group[0].position + 1:,} to {group[-1].position + 1:,} has half a"
                    " character (a cut emoji), which Parquet cannot hold.",
                    "Export JSONL, or find that row and correct it.",
                ) from error


_MESSAGE_KEYS: Final = (
    "role", "content", "tool_calls", "reasoning_content", "thinking", "name", "tool_call_id", "unmask",
)  # fmt: skip


def _flat(row: SessionRow, *, with_meta: bool) -> dict[str, Any]:
    tools = row.messages[0].get("tools") if row.messages else None
    record: dict[str, Any] = {
        "messages": [{key: _text(key, m.get(key)) for key in _MESSAGE_KEYS} for m in row.messages],
        "tools": None if tools is None else _as_json(tools),
    }
    return record | ({"meta": _as_json(row.meta) if row.meta else None} if with_meta else {})


def _text(key: str, value: Any) -> Any:
    return value if value is None or key == "unmask" or isinstance(value, str) else _as_json(value)


def _parquet_library() -> tuple[Any, Any]:
    """Imported when it is needed: only who writes Parquet waits for it."""
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise StudioError(
            "Writing Parquet needs a library that is not installed: pyarrow.",
            'Install it with: pip install "tunewright[local]"; or export JSONL.',
        ) from error


def _record(row: SessionRow | Row | ReadyRow, *, with_meta: bool) -> Mapping[str, Any]:
    meta = {"meta": row.meta} if with_meta and row.meta else {}
    return {"messages": row.messages} | meta


def _as_json(value: Any) -> str:
    """Half an emoji has no UTF-8; what has one is escaped throughout."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = json.dumps(value)
    return text


_WRITERS: Final[Mapping[ExportFormat, _Writer]] = {
    ExportFormat.JSONL: _write_jsonl,
    ExportFormat.CSV: _write_csv,
    ExportFormat.PARQUET: _write_parquet,
}
