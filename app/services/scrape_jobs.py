"""One scrape under way: what others may see of it, and what of its rows can be trained on."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field, replace

from app.domain.scraping import Batch, Pace, Scrape, eta_seconds
from trainer_image.rows import Row, RowError, to_messages


@dataclass(frozen=True)
class Progress:
    """A scrape as it is now, with what only this process knows."""

    scrape: Scrape
    eta_seconds: float | None = None
    waiting: str = ""
    """Why nothing happens at the moment; empty if something does."""
    is_here: bool = False
    """This process collects; only then it can be cancelled here."""


@dataclass
class Job:
    """What the collecting thread shares with those who look at it and cancel it."""

    scrape: Scrape
    first: Scrape
    cancelled: threading.Event = field(default_factory=threading.Event)
    since: float = field(default_factory=time.monotonic)
    waiting: str = ""

    def tell(self, reason: str) -> None:
        self.waiting = reason

    def progress(self) -> Progress:
        now = self.scrape
        pace = Pace(
            now.row_count - self.first.row_count, now.seen - self.first.seen, time.monotonic() - self.since
        )
        return Progress(now, eta_seconds(now, pace), self.waiting, is_here=True)


def trainable(batch: Batch) -> Batch:
    """Without rows that training would refuse; the reason is counted."""
    rows: list[Row] = []
    refused = Counter[str]()
    for row in batch.rows:
        try:
            to_messages({"messages": list(row.messages)})
        except RowError as error:
            refused[error.reason] += 1
        else:
            rows.append(row)
    if not refused:
        return batch
    skipped = Counter(batch.skipped) + refused
    return replace(batch, rows=tuple(rows), skipped=dict(skipped))
