"""The verb that brings rows in, or shows how they would be read."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from app.cli.output import Output, counted_rows
from app.domain.hub import hub_label
from app.domain.mapping import ColumnMapping, RowKind
from app.domain.reading import Preview, ReadOptions, mapping_chosen_in
from app.domain.sessions import ImportReport
from app.domain.typed_paths import expanded
from app.services.everything import Services
from app.services.library import LibraryService, Progress

_LONGEST_CELL: Final = 100
_ROWS_SHOWN: Final = 5


def import_session(services: Services, args: argparse.Namespace, output: Output) -> int:
    source = (_hub if args.hub else _file)(services.library, args, output.counting("rows read"))
    if not (args.preview or args.map or args.kind):
        return _tell(source.take(None), output)
    preview = source.look()
    mapping = chosen_mapping(preview, source.name, args)
    return _show(preview, mapping, output) if args.preview else _tell(source.take(mapping), output)


@dataclass(frozen=True)
class _Source:
    """Where rows are to come from: looked at, taken, or both."""

    name: str
    look: Callable[[], Preview]
    take: Callable[[ColumnMapping | None], ImportReport]


def _file(library: LibraryService, args: argparse.Namespace, tell: Progress) -> _Source:
    path = expanded(args.source)

    def take(mapping: ColumnMapping | None) -> ImportReport:
        return library.import_file(path, args.name, tell, options=ReadOptions(mapping, args.passage))

    options = ReadOptions(passage_characters=args.passage)
    return _Source(path.name, lambda: library.preview_file(path, _ROWS_SHOWN, options), take)


def _hub(library: LibraryService, args: argparse.Namespace, tell: Progress) -> _Source:
    place = (args.source, args.split, args.subset)

    def take(mapping: ColumnMapping | None) -> ImportReport:
        return library.import_hub(*place, args.name, tell, mapping)

    return _Source(hub_label(*place), lambda: library.preview_hub(*place, _ROWS_SHOWN), take)


def chosen_mapping(preview: Preview, name: str, args: argparse.Namespace) -> ColumnMapping | None:
    """None where nothing was chosen."""
    if not args.map and not args.kind:
        return None
    return mapping_chosen_in(preview, name, RowKind(args.kind) if args.kind else None, dict(args.map))


def _show(preview: Preview, chosen: ColumnMapping | None, output: Output) -> int:
    mapping = chosen or preview.mapping
    output.give({"preview": preview, "mapping": mapping.as_record() if mapping else None})
    output.say(f"It is {preview.format}. {' '.join(preview.notes)}".rstrip())
    if mapping:
        output.say(mapping.sentence(preview.columns))
    elif preview.is_table:
        output.say("Which column plays which part is not clear: name them with --map.")
    for row in preview.rows:
        output.say("")
        for column, value in row.items():
            text = " ".join(str(value).split())
            output.say(f"  {column}: {text[:_LONGEST_CELL]}{'…' if len(text) > _LONGEST_CELL else ''}")
    return 0


def _tell(report: ImportReport, output: Output) -> int:
    output.give(report)
    output.say(
        f"{report.session.name} ({report.session.id}): {counted_rows(report.accepted_count)} imported."
    )
    for note in report.notes[:20]:
        output.say(note)
    if report.refused_count:
        output.say(f"{report.refused_count:,} refused:")
        for row in report.refused[:20]:
            output.say(f"  {report.unit} {row.source_line}: {row.reason}")
        if report.refused_count > 20:
            output.say("  … --json lists up to 1,000 of them.")
    return 0
