"""Rows from outside for an import: files, folders and Hugging Face datasets.

What a row is, `trainer_image.rows` says, for the trainer as for this importer.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from app.adapters.hub_listing import find_datasets, parts_of, why_no_hub
from app.adapters.hub_rows import read_hub_rows
from app.adapters.importers.encodings import encoding_of
from app.adapters.importers.files import Source, files_in, nothing_in, source_in
from app.adapters.importers.jsonl import JSONL
from app.adapters.importers.mapped import LOOKED_AT, beginning, columns_of, rows_of, with_source
from app.adapters.importers.records import Format, Item, value_of
from app.domain.errors import ImportFailedError
from app.domain.hub import HubDatasetParts
from app.domain.mapping import ColumnMapping
from app.domain.mapping_guess import guess_mapping
from app.domain.reading import Preview, Reading, ReadOptions
from app.domain.ready_rows import ReadyRow
from trainer_image.rows import Refused, Row

_DEFAULT = ReadOptions()
_HUB_FORMAT = "a dataset of the Hugging Face Hub"


class RowSources:
    """RowSource over files and the Hub."""

    def read_file(self, path: Path, options: ReadOptions = _DEFAULT) -> Reading:
        """Raises at once if there is no such file, it is empty, or it is nothing that can be read."""
        if path.is_dir():
            notes: list[str] = []
            _first_of(path)
            return Reading(_rows_in(path, options, notes), "row", notes)
        source = Source(path)
        return Reading(_rows(source, options), source.format.unit, source.notes)

    def is_plain_jsonl(self, path: Path) -> bool:
        """Raises ImportFailedError if it is nothing that can be read."""
        source = Source(path)
        is_utf8 = encoding_of(source.opened.head) == "utf-8"
        return source.format is JSONL and is_utf8 and not source.opened.packing

    def preview_file(self, path: Path, count: int, options: ReadOptions = _DEFAULT) -> Preview:
        """The first `count` rows as they stand in the file, of a folder in its first readable file."""
        if not path.is_dir():
            return _preview(Source(path), count, options)
        first = _preview(_first_of(path), count, options)
        return replace(first, format=f"a folder, whose first file is {first.format}")

    def read_hub(
        self,
        repo: str,
        split: str,
        config: str | None,
        mapping: ColumnMapping | None = None,
        *,
        token: str | None,
    ) -> Iterator[Row | ReadyRow | Refused]:
        return rows_of(read_hub_rows(repo, split, config, token=token), mapping, is_table=True)

    def preview_hub(
        self, repo: str, split: str, config: str | None, count: int, *, token: str | None
    ) -> Preview:
        """Streams as many rows as an import guesses from, and no more."""
        with closing(read_hub_rows(repo, split, config, token=token)) as found:
            return _table(_HUB_FORMAT, beginning(found, max(count, LOOKED_AT)), count)

    def why_no_hub(self) -> str:
        return why_no_hub()

    def find_on_hub(self, words: str, *, token: str | None) -> Sequence[str]:
        return find_datasets(words, token=token)

    def hub_parts(self, repo: str, *, token: str | None) -> HubDatasetParts:
        return parts_of(repo, token=token)


def _rows(source: Source, options: ReadOptions) -> Iterator[Row | ReadyRow | Refused]:
    return rows_of(
        source.records(options.passage_characters), options.mapping, is_table=source.format.is_table
    )


def _rows_in(folder: Path, options: ReadOptions, notes: list[str]) -> Iterator[Row | Refused]:
    for path in files_in(folder, notes):
        source = source_in(folder, path)
        if isinstance(source, Refused):
            yield source
            continue
        name = source.opened.name
        try:
            yield from (_with_file(item, name, source.format) for item in _rows(source, options))
        except ImportFailedError as error:
            refused = Refused(1, "malformed", error.message.removesuffix("."))
            yield _with_file(refused, name, source.format)
        notes.extend(f"{name}: {note}" for note in source.notes)


def _with_file(item: Row | ReadyRow | Refused, name: str, format_: Format) -> Row | Refused:
    """What came from one of several files says from which, as passages do anyway."""
    if isinstance(item, Refused):
        return item if item.reason.startswith(name) else replace(item, reason=f"{name}: {item.reason}")
    meta = with_source(item.meta, {"file": name}) if format_.is_table else item.meta
    return Row(item.line, item.messages, meta)


def _first_of(folder: Path) -> Source:
    """The first file that can be read. Raises ImportFailedError if there is none."""
    refused: list[Refused] = []
    for path in files_in(folder, []):
        source = source_in(folder, path)
        if isinstance(source, Source):
            return source
        refused.append(source)
    raise nothing_in(folder, refused)


def _preview(source: Source, count: int, options: ReadOptions) -> Preview:
    is_table = source.format.is_table
    with closing(source.records(options.passage_characters)) as found:
        first = beginning(found, max(count, LOOKED_AT) if is_table else count)
    name, notes = source.format.name, tuple(source.notes)
    return _table(name, first, count, notes) if is_table else _passages(name, first, notes)


def _table(name: str, first: Sequence[Item], count: int, notes: tuple[str, ...] = ()) -> Preview:
    values = [value_of(item) for item in first if not isinstance(item, Refused)]
    shown = [value if isinstance(value, dict) else {} for value in values[:count]]
    return Preview(
        name, columns_of(values), shown, guess_mapping(values), notes=notes, problems=_refused(first)
    )


def _passages(name: str, first: Sequence[Item], notes: tuple[str, ...]) -> Preview:
    values = [{**value_of(item), **item.meta} for item in first if not isinstance(item, Refused)]
    return Preview(name, columns_of(values), values, None, False, notes, _refused(first))


def _refused(first: Sequence[Item]) -> tuple[Refused, ...]:
    return tuple(item for item in first if isinstance(item, Refused))
