"""How a scrape is put into words."""

from typing import Final

from app.domain.scraping import Scrape, ScrapeStatus
from app.services.scrape_jobs import Progress
from app.ui.data.wording import rows
from app.ui.kit.status_pill import Tone
from app.ui.texts import text

TONES: Final[dict[ScrapeStatus, Tone]] = {
    ScrapeStatus.RUNNING: "active",
    ScrapeStatus.FINISHED: "good",
    ScrapeStatus.CANCELLED: "neutral",
    ScrapeStatus.FAILED: "bad",
    ScrapeStatus.INTERRUPTED: "warning",
}


def counts(scrape: Scrape) -> str:
    """ "120 rows from 98 of 340 looked at; skipped: 3 × deleted or removed"."""
    said = _looked_at(scrape)
    skipped = ", ".join(f"{count:,} × {reason}" for reason, count in scrape.skipped.items())
    return text("data.collect.skipped", said=said, reasons=skipped) if skipped else said


def _looked_at(scrape: Scrape) -> str:
    got = rows(scrape.row_count)
    if scrape.total is None:
        return text("data.collect.looked_at", rows=got, seen=scrape.seen)
    return text("data.collect.looked_at_of", rows=got, seen=scrape.seen, total=scrape.total)


def how_far(progress: Progress) -> str:
    if progress.waiting:
        return f"{counts(progress.scrape)}. {progress.waiting}"
    return f"{counts(progress.scrape)}{eta(progress.eta_seconds)}"


def eta(seconds: float | None) -> str:
    return "" if seconds is None else f" · {_to_go(seconds)}"


def _to_go(seconds: float) -> str:
    if seconds < 60:
        return text("data.collect.eta.soon")
    minutes = round(seconds / 60)
    if minutes < 60:
        return text("data.collect.eta.minutes", minutes=minutes)
    return text("data.collect.eta.hours", hours=minutes // 60, minutes=minutes % 60)


def share(scrape: Scrape) -> float | None:
    """From 0 to 1, of the limit or of all there is, whichever is further; None before either is known."""
    parts = [scrape.row_count / scrape.limit]
    if scrape.total:
        parts.append(scrape.seen / scrape.total)
    part = min(1.0, max(parts))
    return part if part > 0 else None
