"""The verb that brings rows in, or shows how they would be read."""

import argparse
import sys
from pathlib import Path
from typing import Final

from app.cli.output import Output, counted_rows
from app.domain.errors import StudioError
from app.domain.mapping import ColumnMapping, RowKind
from app.domain.reading import Preview, ReadOptions
from app.domain.sessions import ImportReport
from app.domain.typed_paths import expanded
from app.services.everything import Services
from app.services.library import LibraryService

_LONGEST_CELL: Final = 100


def import_session(services: Services, args: argparse.Namespace, output: Output) -> int:
    if args.hub:
        if args.map or args.kind or args.preview:
            raise StudioError(
                "--map, --kind and --preview are for files.",
                "A dataset of the Hub is read by its columns' names.",
            )
        report = services.library.import_hub(args.source, args.split, args.subset, args.name, _progress)
        return _tell(report, output)
    path = expanded(args.source)
    options = ReadOptions(_mapping(services.library, path, args), args.passage)
    if args.preview:
        return _show(services.library.preview_file(path, 5, options), options.mapping, output)
    return _tell(services.library.import_file(path, args.name, _progress, options=options), output)


def _mapping(library: LibraryService, path: Path, args: argparse.Namespace) -> ColumnMapping | None:
    """None where nothing was chosen."""
    if not args.map and not args.kind:
        return None
    return library.mapping_for(path, RowKind(args.kind) if args.kind else None, dict(args.map))


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


def _progress(count: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{count:,} rows read", end="", file=sys.stderr)  # noqa: T201
