"""Collect from the web in the terminal, and the history of it."""

import argparse
import time
from typing import Final

from app.cli.collecting_words import given
from app.cli.output import Output, counted_rows
from app.domain.errors import StudioError
from app.domain.scraping import Scrape, ScrapeId, ScrapeStatus
from app.services.everything import Services
from app.services.scrape_jobs import Progress
from trainer_image.events import EXIT_FAILED, EXIT_FINISHED, EXIT_STOPPED

_LOOK_SECONDS: Final = 0.1


def collect(services: Services, args: argparse.Namespace, output: Output) -> int:
    """Ctrl+C keeps what was collected, and says how to go on.

    The work is another thread's: Ctrl+C in the middle of a request leaves the HTTP library in pieces.
    """
    if args.resume:
        scrape = services.collecting.start_again(services.collecting.find(args.resume).id)
    else:
        scrape = _begin_anew(services, args, output)
    try:
        ended = _followed(services, scrape.id, output)
    except KeyboardInterrupt:
        services.collecting.cancel(scrape.id)
        _followed(services, scrape.id, output)
        goes_on = f"`tunewright sessions collect --resume {scrape.id}` goes on."
        output.say(f"\nCancelled; what was collected is kept. {goes_on}")
        return 130
    return _report(ended, output)


def _followed(services: Services, scrape_id: ScrapeId, output: Output) -> Scrape:
    """The scrape, once it has ended."""
    while True:
        now = services.collecting.progress(scrape_id)
        if now.scrape.status is not ScrapeStatus.RUNNING:
            return now.scrape
        output.progress(_line(now))
        time.sleep(_LOOK_SECONDS)


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


def _begin_anew(services: Services, args: argparse.Namespace, output: Output) -> Scrape:
    if not args.source:
        kinds = ", ".join(scraper.kind for scraper in services.collecting.sources())
        raise StudioError("Say where to collect from.", f"One of: {kinds}; or --resume ID.")
    fields = given(args)
    plan = services.collecting.plan(args.source, fields)
    output.say(f"Asking {', '.join(plan.asks)} for {plan.title}.")
    return services.collecting.start(args.source, fields, args.name)


def _line(now: Progress) -> str:
    scrape = now.scrape
    eta = "" if now.eta_seconds is None else f", about {now.eta_seconds / 60:.0f} min to go"
    return now.waiting or f"{counted_rows(scrape.row_count)}, {scrape.seen:,} looked at{eta}"


def _report(scrape: Scrape, output: Output) -> int:
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
