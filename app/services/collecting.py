"""Collect rows from the web into sessions, waiting for it or not; with history, cancel and resume."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

from app.domain.errors import StudioError
from app.domain.ports import Processes
from app.domain.queries import Query, WrongQueryError, checked
from app.domain.scrape_ports import ScrapeStore, ScrapeWriter
from app.domain.scraping import (
    Scrape,
    ScrapeCancelledError,
    ScrapeError,
    ScrapeId,
    Scraper,
    ScrapeStatus,
    Web,
)
from app.services.offline import OfflineError, OfflineService
from app.services.scrape_jobs import Job, Progress, trainable
from app.services.settings import SettingsService

log = logging.getLogger(__name__)

IsCancelled = Callable[[], bool]
Tell = Callable[[str], None]
OpenWeb = Callable[[Sequence[str], IsCancelled, Tell, str], AbstractContextManager[Web]]
"""Places that may be private, whether it is cancelled, whom to tell why it waits, the proxy."""


@dataclass(frozen=True)
class Plan:
    """What a query will do, before anything is sent."""

    title: str
    asks: Sequence[str]
    """Hosts."""
    query: Query


class CollectingService:
    """What the Data tab and the command line can ask for. Blocking, but for `start` and `start_again`."""

    def __init__(
        self,
        scrapers: Callable[[], Sequence[Scraper]],
        store: ScrapeStore,
        processes: Processes,
        settings: SettingsService,
        open_web: OpenWeb,
        free_name: Callable[[str], str],
        offline: OfflineService,
    ) -> None:
        self._scrapers = scrapers
        self._store = store
        self._processes = processes
        self._settings = settings
        self._open_web = open_web
        self._free_name = free_name
        self._offline = offline
        self._jobs: dict[ScrapeId, Job] = {}
        self._lock = threading.RLock()
        """Held while what is stored as running and what is in `_jobs` are made to agree."""

    def sources(self) -> Sequence[Scraper]:
        """Those that come with Tunewright, then those of other packages."""
        return self._scrapers()

    def offline_reason(self) -> str:
        """Why nothing can be collected now; empty if it can."""
        return self._offline.reason()

    def plan(self, kind: str, given: Mapping[str, Any]) -> Plan:
        """Sends nothing. Raises WrongQueryError."""
        scraper = self._scraper(kind)
        query = checked(scraper.label, scraper.fields, given)
        return Plan(scraper.title(query), scraper.asks(query), query)

    def history(self) -> Sequence[Progress]:
        """All scrapes, newest first, each with its true status."""
        with self._lock:
            return [self._progress(scrape) for scrape in self._store.all()]

    def progress(self, scrape_id: ScrapeId) -> Progress:
        """Raises UnknownScrapeError."""
        with self._lock:
            return self._progress(self._store.get(scrape_id))

    def find(self, name_or_id: str) -> Scrape:
        """By name, id, or the start of an id. Raises UnknownScrapeError."""
        with self._lock:
            return self._progress(self._store.find(name_or_id)).scrape

    def collect(
        self,
        kind: str,
        given: Mapping[str, Any],
        name: str = "",
        on_progress: Callable[[Progress], None] = lambda _: None,
    ) -> Scrape:
        """Collect until it ends, one way or another: the status says which. Raises WrongQueryError and
        OfflineError before anything is sent or stored. Not for a thread that Ctrl+C may interrupt: use
        `start` there, and `cancel`."""
        return self._collect(*self._begin(kind, given, name), on_progress)

    def collect_again(
        self, scrape_id: ScrapeId, on_progress: Callable[[Progress], None] = lambda _: None
    ) -> Scrape:
        """Go on where it stopped, into the same session. Raises StudioError if it cannot be resumed."""
        return self._collect(*self._resume(scrape_id), on_progress)

    def start(self, kind: str, given: Mapping[str, Any], name: str = "") -> Scrape:
        """Like `collect`, on a thread of its own: returns at once."""
        return self._beside(*self._begin(kind, given, name))

    def start_again(self, scrape_id: ScrapeId) -> Scrape:
        """Like `collect_again`, on a thread of its own."""
        return self._beside(*self._resume(scrape_id))

    def cancel(self, scrape_id: ScrapeId) -> None:
        """Ask it to stop; it does within a second. Raises StudioError if another process collects it."""
        job = self._jobs.get(scrape_id)
        if job is not None:
            job.cancelled.set()
            return
        scrape = self.progress(scrape_id).scrape
        if scrape.status is ScrapeStatus.RUNNING:
            pid = (scrape.owner or "").partition(":")[0]
            raise StudioError(
                f"{scrape.name} is being collected by another Tunewright (process {pid}).", "Cancel it there."
            )

    def forget(self, scrape_id: ScrapeId) -> None:
        """Remove it from the history; its session stays. Raises StudioError while it runs."""
        if self.progress(scrape_id).scrape.status is ScrapeStatus.RUNNING:
            raise StudioError("It is still collecting.", "Cancel it first.")
        self._store.forget(scrape_id)

    def _begin(self, kind: str, given: Mapping[str, Any], name: str) -> tuple[Job, Scraper, ScrapeWriter]:
        scraper = self._scraper(kind)
        plan = self.plan(kind, given)
        self._refuse_offline()
        source = f"{scraper.label}: {plan.title}"
        name = self._free_name(name.strip() or plan.title)
        with self._lock:
            writer = self._store.begin(kind, name, source, plan.query)
            return self._job_of(writer), scraper, writer

    def _resume(self, scrape_id: ScrapeId) -> tuple[Job, Scraper, ScrapeWriter]:
        with self._lock:
            stored = self._store.get(scrape_id)
            scraper = self._resumable(stored)
            self._refuse_offline()
            writer = self._store.resume(stored)
            return self._job_of(writer), scraper, writer

    def _job_of(self, writer: ScrapeWriter) -> Job:
        self._jobs[writer.scrape.id] = job = Job(writer.scrape, writer.scrape)
        return job

    def _resumable(self, stored: Scrape) -> Scraper:
        """Its source. Raises StudioError."""
        status = self._progress(stored).scrape.status
        if not status.can_resume:
            raise StudioError(f"{stored.name} is {status}.", "Only what stopped early can be resumed.")
        if stored.session_id is None and stored.row_count:
            raise StudioError(
                f"The session of {stored.name} was deleted.", "Start anew to collect its rows again."
            )
        return self._scraper(stored.kind)

    def _refuse_offline(self) -> None:
        if reason := self.offline_reason():
            raise OfflineError(f"Nothing can be collected now. {reason}", self._offline.way_out())

    def _scraper(self, kind: str) -> Scraper:
        scrapers = self._scrapers()
        found = next((scraper for scraper in scrapers if scraper.kind == kind), None)
        if found is None:
            kinds = ", ".join(scraper.kind for scraper in scrapers)
            raise WrongQueryError(f"There is no source '{kind}'.", f"There are: {kinds}.")
        return found

    def _progress(self, stored: Scrape) -> Progress:
        """A scrape that nobody collects any more is not running, whatever is stored."""
        if (job := self._jobs.get(stored.id)) is not None:
            return job.progress()
        if stored.status is not ScrapeStatus.RUNNING:
            return Progress(stored)
        owner = stored.owner or ""
        if owner != self._processes.me() and self._processes.is_alive(owner):
            return Progress(stored)
        said, hint = "The program that was collecting has ended.", "Resume goes on where it stopped."
        return Progress(replace(stored, status=ScrapeStatus.INTERRUPTED, message=said, hint=hint))

    def _beside(self, job: Job, scraper: Scraper, writer: ScrapeWriter) -> Scrape:
        name, arguments = f"collect-{job.scrape.id}", (job, scraper, writer, _unheard)
        threading.Thread(target=self._collect, args=arguments, name=name, daemon=True).start()
        return job.first

    def _collect(
        self, job: Job, scraper: Scraper, writer: ScrapeWriter, on_progress: Callable[[Progress], None]
    ) -> Scrape:
        """Until it ends. However that comes about, it is stored, and the job is over."""
        ending: tuple[ScrapeStatus, StudioError | None] = ScrapeStatus.CANCELLED, ScrapeCancelledError()
        try:
            ending = self._until_ended(job, scraper, writer, on_progress)
        except Exception:
            log.exception("Collecting %s from %s failed", job.scrape.id, scraper.kind)
            ending = ScrapeStatus.FAILED, _inside(scraper)
        finally:  # also after Ctrl+C
            with self._lock:
                self._jobs.pop(job.scrape.id, None)
                status, error = ending
                ended = writer.end(status, error.message if error else "", error.hint if error else "")
        return ended

    def _until_ended(
        self, job: Job, scraper: Scraper, writer: ScrapeWriter, on_progress: Callable[[Progress], None]
    ) -> tuple[ScrapeStatus, StudioError | None]:
        def tell(reason: str) -> None:
            job.tell(reason)
            on_progress(job.progress())

        scrape = job.scrape
        named = scraper.asks(scrape.query)
        try:
            with self._open_web(named, job.cancelled.is_set, tell, self._settings.proxy) as web:
                for batch in scraper.scrape(scrape.query, writer.cursor, web):
                    job.scrape = writer.append(trainable(batch))
                    on_progress(job.progress())
                    if job.cancelled.is_set():
                        raise ScrapeCancelledError
                    if batch.is_last or job.scrape.row_count >= job.scrape.limit:
                        break
        except ScrapeCancelledError as error:
            return ScrapeStatus.CANCELLED, error
        except StudioError as error:
            return ScrapeStatus.FAILED, error
        return _finished(job.scrape)


def _finished(scrape: Scrape) -> tuple[ScrapeStatus, StudioError | None]:
    if scrape.row_count:
        return ScrapeStatus.FINISHED, None
    reasons = "; ".join(f"{count:,} × {reason}" for reason, count in scrape.skipped.items())
    said = f"Nothing was found that makes a row{': ' if reasons else ''}{reasons}."
    return ScrapeStatus.FINISHED, ScrapeError(said, "Ask for something else.")


def _inside(scraper: Scraper) -> StudioError:
    return StudioError(
        f"Something went wrong inside the source {scraper.label}.",
        "The app's log has the details; what was collected is kept.",
    )


def _unheard(_: Progress) -> None:
    pass
