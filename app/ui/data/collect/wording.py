"""How a scrape is put into words."""

from typing import Final

from app.domain.scraping import Scrape, ScrapeStatus
from app.services.scrape_jobs import Progress
from app.ui.data.wording import rows
from app.ui.kit.status_pill import Tone

STATUS: Final[dict[ScrapeStatus, tuple[str, Tone]]] = {
    ScrapeStatus.RUNNING: ("Collecting", "active"),
    ScrapeStatus.FINISHED: ("Finished", "good"),
    ScrapeStatus.CANCELLED: ("Cancelled", "neutral"),
    ScrapeStatus.FAILED: ("Stopped early", "bad"),
    ScrapeStatus.INTERRUPTED: ("Interrupted", "warning"),
}


def counts(scrape: Scrape) -> str:
    """ "120 rows from 98 of 340 looked at; skipped: 3 × deleted or removed"."""
    of_all = f" of {scrape.total:,}" if scrape.total is not None else ""
    said = f"{rows(scrape.row_count)} from {scrape.seen:,}{of_all} looked at"
    skipped = ", ".join(f"{count:,} × {reason}" for reason, count in scrape.skipped.items())
    return f"{said}; skipped: {skipped}" if skipped else said


def how_far(progress: Progress) -> str:
    if progress.waiting:
        return f"{counts(progress.scrape)}. {progress.waiting}"
    return f"{counts(progress.scrape)}{eta(progress.eta_seconds)}"


def eta(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 60:
        return " · less than a minute to go"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f" · about {minutes} minutes to go"
    return f" · about {minutes // 60} h {minutes % 60} min to go"


def share(scrape: Scrape) -> float | None:
    """From 0 to 1, of the limit or of all there is, whichever is further; None before either is known."""
    parts = [scrape.row_count / scrape.limit]
    if scrape.total:
        parts.append(scrape.seen / scrape.total)
    part = min(1.0, max(parts))
    return part if part > 0 else None
