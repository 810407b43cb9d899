"""What the verbs of `session_words` do, in terms of the services."""

import argparse

from app.cli.importing import chosen_mapping
from app.cli.output import Output, counted_rows
from app.domain.edits import Replacement
from app.domain.finding import RowFilter
from app.domain.publishing import PublishWish, found_in_words
from app.domain.reading import ReadOptions
from app.domain.sessions import ExportFormat, Session, SessionRow
from app.domain.typed_paths import expanded
from app.services.everything import Services

_SUFFIXES = {".csv": ExportFormat.CSV, ".parquet": ExportFormat.PARQUET}


def rename(services: Services, args: argparse.Namespace, output: Output) -> int:
    session = services.library.rename(_session(services, args).id, args.name)
    return _changed(session, output, f"It is called {session.name} now.")


def tag(services: Services, args: argparse.Namespace, output: Output) -> int:
    session = services.library.tag(_session(services, args).id, args.tags)
    return _changed(session, output, f"{session.name}: {', '.join(session.tags) or 'no tags'}.")


def delete(services: Services, args: argparse.Namespace, output: Output) -> int:
    session = _session(services, args)
    services.library.delete(session.id, at_once=args.now)
    services.library.tidy()
    undo = "" if args.now else f" `tunewright sessions undelete {session.id}` brings it back, for a week."
    return _changed(session, output, f"{session.name} is deleted.{undo}")


def undelete(services: Services, args: argparse.Namespace, output: Output) -> int:
    session = services.library.undelete(services.library.find_deleted(args.session).id)
    return _changed(session, output, f"{session.name} is back.")


def duplicate(services: Services, args: argparse.Namespace, output: Output) -> int:
    copy = services.library.duplicate(_session(services, args), args.name)
    return _changed(copy, output, f"{copy.name} ({copy.id}): {counted_rows(copy.row_count)}.")


def append(services: Services, args: argparse.Namespace, output: Output) -> int:
    base = _session(services, args)
    if args.is_session:
        session = services.library.editing.append_session(base, services.library.find(args.rows))
        return _changed(session, output, _new_version(session))
    path, options = expanded(args.rows), ReadOptions()
    if args.map or args.kind:
        options = ReadOptions(chosen_mapping(services.library.preview_file(path), path.name, args))
    report = services.library.append_file(base, path, output.counting("rows read"), options)
    output.give(report)
    output.say(f"{_new_version(report.session)} {report.refused_count:,} refused.")
    for note in report.notes[:20]:
        output.say(note)
    for row in report.refused[:20]:
        output.say(f"  {report.unit} {row.source_line}: {row.reason}")
    return 0


def versions(services: Services, args: argparse.Namespace, output: Output) -> int:
    found = services.library.editing.versions(_session(services, args).id)
    output.give(found)
    output.table(
        ["version", "rows", "what was done", "when", "content hash"],
        [
            (v.version, v.row_count, v.summary, f"{v.created_at.astimezone():%Y-%m-%d %H:%M}", v.content_hash)
            for v in found
        ],
    )
    return 0


def restore(services: Services, args: argparse.Namespace, output: Output) -> int:
    session = services.library.editing.restore(_session(services, args), args.number)
    return _changed(session, output, _new_version(session))


def replace(services: Services, args: argparse.Namespace, output: Output) -> int:
    base, editing = _session(services, args), services.library.editing
    wish = Replacement(args.find, args.put, match_case=not args.ignore_case, role=args.role)
    preview = editing.preview_replace(base, wish)
    if args.preview:
        output.give(preview)
        output.say(f"{counted_rows(preview.row_count)} would change.")
        for example in preview.examples:
            output.say(f"\nrow {example.position + 1:,}\n- {example.before}\n+ {example.after}")
        return 0
    session = editing.replace(base, wish, output.counting("rows looked at"))
    return _changed(session, output, f"{counted_rows(preview.row_count)} changed. {_new_version(session)}")


def find(services: Services, args: argparse.Namespace, output: Output) -> int:
    wanted = RowFilter(
        text=args.text,
        role=args.role,
        has_tool_calls=_yes_or_no(args.tool_calls),
        unmask=_yes_or_no(args.unmask),
        min_characters=args.min_characters,
        max_characters=args.max_characters,
        source=args.source,
    )
    found = services.library.editing.find(
        _session(services, args).id, wanted, start=args.start, limit=args.limit, version=args.number,
        tick=output.counting("rows looked at"),
    )  # fmt: skip
    output.give(found)
    for row in found.rows:
        show_row(row, output)
    if not found.rows:
        output.say("No row is like that.")
    if found.next_start is not None:
        output.say(f"\nThere may be more: --start {found.next_start}")
    return 0


def check(services: Services, args: argparse.Namespace, output: Output) -> int:
    session = _session(services, args)
    found = services.publishing.check(session, output.counting("rows looked at"))
    output.give(found)
    if not found:
        output.say(
            f"Nothing in {session.name} looks like personal data. Names and streets are not looked for."
        )
    for one in found:
        rows = ", ".join(f"{position + 1:,}" for position in one.rows[:10])
        more = ", …" if one.row_count > 10 else ""
        output.say(f"{found_in_words([one])}: rows {rows}{more}")
    return 0


def publish(services: Services, args: argparse.Namespace, output: Output) -> int:
    session = _session(services, args)
    wish = PublishWish(args.repo, is_private=not args.public, license=args.license, update=args.update)
    published = services.publishing.publish(
        session, wish, output.progress, accept_found=args.accept_personal_data
    )
    output.give(published)
    who = "everybody may see it" if args.public else "private"
    output.say(f"{counted_rows(published.row_count)} of {session.name} on the Hub ({who}): {published.url}")
    return 0


def export(services: Services, args: argparse.Namespace, output: Output) -> int:
    session = _session(services, args)
    path = expanded(args.file).absolute()
    file_format = ExportFormat(args.format) if args.format else _SUFFIXES.get(path.suffix, ExportFormat.JSONL)
    count = services.library.export(
        session.id,
        path,
        file_format,
        version=args.number,
        overwrite=args.force,
        progress=output.counting("rows written"),
    )
    output.give({"session": session.id, "file": path, "rows": count, "format": file_format})
    output.say(f"{counted_rows(count)} of {session.name} written to {path}.")
    if file_format is ExportFormat.CSV:
        output.say("CSV knows no nesting: the messages of a row are JSON text in their column.")
    return 0


def show_row(row: SessionRow, output: Output) -> None:
    line = f" (line {row.source_line})" if row.source_line else ""
    output.say(f"\nrow {row.position + 1:,}{line}")
    for message in row.messages:
        output.say(f"  {message['role']}: {message['content']}")


def _session(services: Services, args: argparse.Namespace) -> Session:
    return services.library.find(args.session)


def _changed(session: Session, output: Output, text: str) -> int:
    output.give(session)
    output.say(text)
    return 0


def _new_version(session: Session) -> str:
    return f"{session.name} is at version {session.version}: {counted_rows(session.row_count)}."


def _yes_or_no(word: str | None) -> bool | None:
    return None if word is None else word == "yes"
