"""What the services need from the outside world. Implemented in `app.adapters`, faked in `tests`."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from app.domain.chat import ChatTurn, EngineStatus, Sampling, Voice
from app.domain.finding import Found, RowFilter, SearchState
from app.domain.publishing import PublishWish
from app.domain.queries import Query
from app.domain.reading import Preview, Reading, ReadOptions
from app.domain.ready_rows import ReadyRow
from app.domain.runs import DockerOptions, JobHandle, JobState, Metric, Run, RunEvent, RunId, Target
from app.domain.scraping import Batch, Cursor, Scrape, ScrapeId, ScrapeStatus
from app.domain.sessions import RowChange, Session, SessionId, SessionRow, SessionVersion, StoredRow
from trainer_image.rows import Refused, Row


class RunStore(Protocol):
    """Keeps runs, their metrics and their timeline across restarts of the app."""

    def add(self, run: Run) -> None:
        """Insert a new run."""
        ...

    def get(self, run_id: RunId) -> Run:
        """Raises UnknownRunError if there is no such run."""
        ...

    def find(self, prefix: str) -> Run:
        """The one run whose id starts with `prefix`, or whose name is it. Raises UnknownRunError."""
        ...

    def all(self) -> Sequence[Run]:
        """All runs, newest first."""
        ...

    def update(self, run_id: RunId, change: Callable[[Run], Run]) -> Run:
        """Read, change and write one run in one transaction; returns what is stored afterwards.

        `change` sees the newest state, so that two processes never undo each other. It may return its
        argument unchanged.
        """
        ...

    def ingest(
        self,
        run_id: RunId,
        offset: int,
        end: int,
        metrics: Sequence[Metric],
        events: Sequence[RunEvent],
        change: Callable[[Run], Run],
    ) -> Run | None:
        """Store what bytes `offset`..`end` of a run's events.jsonl said, in one transaction.

        Applied only if the run's stored `events_offset` still is `offset` (else another process was
        faster: returns None and nothing is stored). A metric replaces one of the same step (a resumed
        run reports steps again). Sets `events_offset` to `end` after `change`.
        """
        ...

    def metrics(self, run_id: RunId, *, after_step: int = -1) -> Sequence[Metric]:
        """Metrics by step, ascending."""
        ...

    def events(self, run_id: RunId, *, last: int = 500, of_type: str = "") -> Sequence[RunEvent]:
        """The newest `last` timeline events, of one type or of all, oldest first."""
        ...

    def delete(self, run_id: RunId) -> None:
        """Forget the run, its metrics, events and chats. Its folder is the caller's business."""
        ...


class SessionStore(Protocol):
    """Keeps collected datasets."""

    def add(
        self,
        name: str,
        source: str,
        rows: Iterator[Row | ReadyRow],
        *,
        progress: Callable[[int], None] | None = None,
    ) -> Session:
        """Write a session and its rows: all of them or none, flat in memory, without blocking other writers
        for longer than one batch. An exception from `rows` leaves nothing behind."""
        ...

    def add_stored(
        self,
        name: str,
        source: str,
        rows: Iterator[StoredRow],
        *,
        progress: Callable[[int], None] | None = None,
    ) -> Session:
        """The same for rows that come as texts with their hashes, as a merge makes them."""
        ...

    def all(self) -> Sequence[Session]:
        """All sessions, newest first."""
        ...

    def get(self, session_id: SessionId) -> Session:
        """Raises UnknownSessionError."""
        ...

    def find(self, prefix: str, *, deleted: bool = False) -> Session:
        """The one session whose id starts with `prefix`, or whose name is it. Raises UnknownSessionError.

        With `deleted` among those that can be brought back.
        """
        ...

    def rows(
        self,
        session_id: SessionId,
        *,
        start: int = 0,
        limit: int | None = None,
        version: int | None = None,
    ) -> Iterator[SessionRow]:
        """Rows by position, of the newest version or of that one; streamed."""
        ...

    def find_rows(
        self,
        session_id: SessionId,
        wanted: RowFilter,
        *,
        start: int = 0,
        limit: int = 50,
        version: int | None = None,
        tick: Callable[[int], None] | None = None,
    ) -> Found:
        """The first matching rows from the position `start` on. `tick` is told how far it is, and may raise
        to stop."""
        ...

    def search_state(self, session_id: SessionId) -> SearchState: ...

    def make_search_index(self, session_id: SessionId, tick: Callable[[int], None]) -> None:
        """Make searching in a large session quick; may be stopped by `tick` and goes on at the next call."""
        ...

    def versions(self, session_id: SessionId) -> Sequence[SessionVersion]:
        """Newest first."""
        ...

    def change(
        self,
        base: Session,
        changes: Iterable[RowChange],
        summary: str,
        *,
        progress: Callable[[int], None] | None = None,
    ) -> Session:
        """Apply `changes`, ordered by position, to `base`: a new version, all of it or nothing.

        "{rows}" in `summary` stands for how many rows were changed.
        Raises StaleSessionError if `base` is not the newest version any more.
        """
        ...

    def restore(self, base: Session, version: int) -> Session:
        """An older version's rows as a new version. Raises as `change` does."""
        ...

    def append(
        self, base: Session, other: Session, *, progress: Callable[[int], None] | None = None
    ) -> Session:
        """The rows of `other` after those of `base`, as a new version. Raises as `change` does."""
        ...

    def duplicate(self, base: Session, name: str) -> Session: ...

    def rename(self, session_id: SessionId, name: str) -> Session: ...

    def tag(self, session_id: SessionId, tags: Sequence[str]) -> Session:
        """These tags in the place of those it has."""
        ...

    def hide(self, session_id: SessionId) -> None:
        """Delete it in such a way that `undelete` brings it back until `purge`."""
        ...

    def deleted(self) -> Sequence[Session]:
        """What `undelete` can bring back, last deleted first."""
        ...

    def undelete(self, session_id: SessionId) -> Session: ...

    def purge(self, before: datetime) -> int:
        """Remove what was hidden before that moment for good; returns how many sessions."""
        ...

    def delete(self, session_id: SessionId) -> None:
        """Remove it for good, its rows and versions with it."""
        ...


class ScrapeWriter(Protocol):
    """One scrape under way, held by this process."""

    @property
    def scrape(self) -> Scrape:
        """As it is stored now."""
        ...

    @property
    def cursor(self) -> Cursor:
        """Where to begin: empty for a new scrape."""
        ...

    def append(self, batch: Batch) -> Scrape:
        """Store the batch's rows at the end of the session and its cursor, in one transaction.

        The first rows make the session. A row that is there already is counted as skipped, and rows beyond
        the limit of the query are left out. Raises StoreError if the session was deleted meanwhile.
        """
        ...

    def end(self, status: ScrapeStatus, message: str = "", hint: str = "") -> Scrape: ...


class ScrapeStore(Protocol):
    """Keeps what was collected from the web, with its history."""

    def begin(self, kind: str, name: str, source: str, query: Query) -> ScrapeWriter:
        """A new scrape, running, owned by this process."""
        ...

    def resume(self, scrape: Scrape) -> ScrapeWriter:
        """Take over what has ended. Raises StudioError if its state is no longer `scrape`'s: another process
        was faster, or it was forgotten."""
        ...

    def get(self, scrape_id: ScrapeId) -> Scrape:
        """As stored: the status may be "running" though its owner is gone. Raises UnknownScrapeError."""
        ...

    def find(self, prefix: str) -> Scrape:
        """The one whose id starts with `prefix`, or whose name is it. Raises UnknownScrapeError."""
        ...

    def all(self) -> Sequence[Scrape]:
        """Newest first."""
        ...

    def forget(self, scrape_id: ScrapeId) -> None:
        """Remove it from the history; its session stays."""
        ...


class ChatStore(Protocol):
    """Keeps what was said to which model."""

    def add(self, run_id: RunId, voice: Voice, prompt: str, answer: str, sampling: Sampling) -> ChatTurn: ...

    def turns(self, run_id: RunId) -> Sequence[ChatTurn]:
        """Oldest first."""
        ...

    def clear(self, run_id: RunId) -> None: ...


class SettingsStore(Protocol):
    """Small values by name. Never secrets."""

    def get(self, key: str) -> str | None: ...

    def set(self, key: str, value: str) -> None: ...


class ConfigStore(Protocol):
    """Saved setups: named JSON documents."""

    def save(self, name: str, document: str) -> None:
        """Insert, or replace the one of that name."""
        ...

    def all(self) -> Mapping[str, str]: ...

    def delete(self, name: str) -> None: ...


class Launcher(Protocol):
    """A place where runs execute: a process on this computer, a local Docker container.

    A launcher keeps no state of its own. All it needs to find a job again is the run (id and folder)
    or the handle, so runs outlive the app. The run folder exists and holds the data before `launch`;
    the launcher writes config.json as the target must see it (paths may differ inside a container).
    """

    def problems(self, docker: DockerOptions) -> Sequence[str]:
        """What would stop a launch now, as sentences for people, cheapest checks only (< 1 s)."""
        ...

    def launch(
        self, run: Run, *, resume: bool, extend: bool = False, secrets: Mapping[str, str]
    ) -> JobHandle:
        """Start the job and return without waiting for it.

        With `extend` a resumed run may have another length than it had when its checkpoint was written.
        `secrets` (HF_TOKEN) reach the job by its environment only. Raises TargetError if it did not
        start; then nothing is left running.
        """
        ...

    def find(self, run: Run) -> JobHandle | None:
        """The handle of the job of this run's current attempt, if it was ever started."""
        ...

    def state(self, handle: JobHandle) -> JobState:
        """Raises TargetError if the target cannot be asked now (not the same as gone)."""
        ...

    def stop(self, handle: JobHandle, *, save: bool) -> None:
        """Ask the job to leave (saving first if `save`), wait for it, and end it by force if it will not go.

        Nothing runs any more when this returns; does nothing if it has already ended. With `save` it gives
        the job up to five minutes to write. Raises TargetError if the target cannot be reached.
        """
        ...

    def sync_log(self, run: Run, handle: JobHandle) -> None:
        """Bring `run.log_path` up to date, without holes or repeats; a no-op where the job writes it."""
        ...

    def clean_up(self, handle: JobHandle) -> None:
        """Remove what an ended job left at the target (a container); never files of the run."""
        ...


Launchers = Mapping[Target, Launcher]


class Processes(Protocol):
    """Who is alive on this computer."""

    def me(self) -> str:
        """This process as "pid:start time"."""
        ...

    def is_alive(self, owner: str) -> bool:
        """Whether that very process still runs (a recycled pid is another process)."""
        ...


class RowSource(Protocol):
    """Reads rows from outside for an import."""

    def read_file(self, path: Path, options: ReadOptions) -> Reading:
        """What becomes of each row of a file, or of all files in a folder.

        Raises ImportFailedError, at once or while it is read, if there is nothing that can be read.
        """
        ...

    def is_plain_jsonl(self, path: Path) -> bool:
        """Whether it is JSONL in UTF-8, not packed, as the trainer reads it. Raises ImportFailedError."""
        ...

    def preview_file(self, path: Path, count: int, options: ReadOptions) -> Preview:
        """The first `count` rows and the guessed mapping. Raises ImportFailedError."""
        ...

    def read_hub(
        self, repo: str, split: str, config: str | None, *, token: str | None
    ) -> Iterator[Row | Refused]:
        """The same for a Hub dataset. Raises ImportFailedError (unknown, gated, no network)."""
        ...


class HubPublisher(Protocol):
    """Puts datasets on the Hugging Face Hub."""

    def why_not(self) -> str:
        """Why it cannot now, as a sentence; empty if it can. Asks nobody."""
        ...

    def publish(
        self, data: Path, card: str, wish: PublishWish, *, token: str | None, progress: Callable[[str], None]
    ) -> str:
        """Upload a JSONL file and its card, all or nothing; returns the address. Raises StudioError.

        `progress` may raise to stop.
        """
        ...


class InferenceEngine(Protocol):
    """The second process, which alone loads torch. Methods block; call them off the UI thread."""

    def status(self) -> EngineStatus: ...

    def generate(self, run: Run, voice: Voice, prompt: str, sampling: Sampling) -> Iterator[str]:
        """Load what is needed (once), then yield the answer in pieces as it is made.

        Closing the iterator stops the generation. Raises EngineError; the engine then recovers by itself
        at the next call, also when its process died.
        """
        ...

    def stop(self) -> None:
        """Stop the generation under way, if any; the iterator then just ends."""
        ...

    def unload(self) -> None:
        """Let go of the memory: ends the process."""
        ...


class Secrets(Protocol):
    """Where tokens come from. Never the database."""

    def hf_token(self) -> str | None: ...
