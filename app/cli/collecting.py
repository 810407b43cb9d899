"""Collect from the web in the terminal, and the history of it."""

import argparse
import sys
from collections.abc import Callable

from app.cli.collecting_words import given
from app.cli.output import Output, counted_rows
from app.domain.errors import StudioError
from app.domain.scraping import Scrape, ScrapeStatus
from app.services.everything import Services
from app.services.scrape_jobs import Progress
from trainer_image.events import EXIT_FAILED, EXIT_FINISHED, EXIT_STOPPED


def collect(services: Services, args: argparse.Namespace, output: Output) -> int:
    """Ctrl+C keeps what was collected, and says how to go on."""
    said: list[str] = []

    def progress(now: Progress) -> None:
        said[:] = [now.scrape.id]
        if sys.stderr.isatty():
            print(f"\r\033[K{_line(now)}", end="", file=sys.stderr)  # noqa: T201

    try:
        if args.resume:
            found = services.collecting.find(args.resume)
            scrape = services.collecting.collect_again(found.id, progress)
        else:
            scrape = _collect_anew(services, args, output, progress)
    except KeyboardInterrupt:
        hint = f" `tunewright sessions collect --resume {said[0]}` goes on." if said else ""
        output.say(f"\nCancelled; what was collected is kept.{hint}")
        return 130
    return _report(scrape, output)


def list_collects(services: Services, args: argparse.Namespace, output: Output) -> int:
    scrapes = [progress.scrape for progress in services.collecting.history()]
    output.give(scrapes)
    if not scrapes:
        output.say("Nothing was collected yet. `tunewright sessions collect SOURCE` does.")
        return 0
    headings = ["id", "name", "status", "rows", "skipped", "source", "started"]
    output.table(
        headings,
        [
            (
                s.id,
                s.name,
                s.status.value,
                s.row_count,
                s.skipped_count,
                s.source,
                f"{s.started_at.astimezone():%Y-%m-%d %H:%M}",
            )
            for s in scrapes
        ],
    )
    return 0


def _collect_anew(
    services: Services, args: argparse.Namespace, output: Output, progress: Callable[[Progress], None]
) -> Scrape:
    if not args.source:
        kinds = ", ".join(scraper.kind for scraper in services.collecting.sources())
        raise StudioError("Say where to collect from.", f"One of: {kinds}; or --resume ID.")
    fields = given(args)
    plan = services.collecting.plan(args.source, fields)
    output.say(f"Asking {', '.join(plan.asks)} for {plan.title}.")
    return services.collecting.collect(args.source, fields, args.name, progress)


def _line(now: Progress) -> str:
    scrape = now.scrape
    eta = "" if now.eta_seconds is None else f", about {now.eta_seconds / 60:.0f} min to go"
    return now.waiting or f"{counted_rows(scrape.row_count)}, {scrape.seen:,} looked at{eta}"


def _report(scrape: Scrape, output: Output) -> int:
    if sys.stderr.isatty():
        print(file=sys.stderr)  # noqa: T201
    output.give(scrape)
    where = f" in session {scrape.session_id}" if scrape.session_id else ""
    output.say(f"{scrape.name} ({scrape.id}): {scrape.status}, {counted_rows(scrape.row_count)}{where}.")
    for reason, count in scrape.skipped.items():
        output.say(f"  {count:,} skipped: {reason}")
    if scrape.message:
        output.say(f"{scrape.message} {scrape.hint}".rstrip())
    if scrape.status.can_resume:
        output.say(f"`tunewright sessions collect --resume {scrape.id}` goes on where it stopped.")
    outcomes = {ScrapeStatus.FINISHED: EXIT_FINISHED, ScrapeStatus.CANCELLED: EXIT_STOPPED}
    return outcomes.get(scrape.status, EXIT_FAILED)
