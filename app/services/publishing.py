"""Look for personal data in a session, and publish it on the Hugging Face Hub."""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from app.domain.errors import StudioError
from app.domain.finding import searchable
from app.domain.personal_data import KindFound, Tally
from app.domain.ports import Secrets
from app.domain.publishing import Published, PublishWish, dataset_card, found_in_words
from app.domain.session_ports import HubPublisher, SessionStore
from app.domain.sessions import Session, SessionRow
from app.services.row_files import write_rows

_TOLD_ROWS: Final = 200

Progress = Callable[[str], None]
"""Told what is going on, as a sentence; may raise to stop, and then nothing is published."""


class PublishCancelledError(StudioError):
    def __init__(self) -> None:
        super().__init__("Publishing was cancelled.", "Nothing was published.")


class PublishingService:
    """Blocking: the UI calls it off the event loop."""

    def __init__(self, sessions: SessionStore, hub: HubPublisher, secrets: Secrets, scratch: Path) -> None:
        self._sessions = sessions
        self._hub = hub
        self._secrets = secrets
        self._scratch = scratch

    def why_not(self) -> str:
        """Why nothing can be published now, as a sentence; empty if it can."""
        if reason := self._hub.why_not():
            return reason
        return "" if self._secrets.hf_token() else "There is no Hugging Face token: set HF_TOKEN, or log in."

    def check(self, session: Session, progress: Callable[[int], None] | None = None) -> Sequence[KindFound]:
        """Kinds of personal data in a session, with counts and rows, never the data itself."""
        tally = Tally()
        for row in self._rows(session, progress):
            tally.add(row.position, [searchable(row.messages), *map(str, row.meta.values())])
        return tally.found()

    def publish(
        self, session: Session, wish: PublishWish, progress: Progress, *, accept_found: bool = False
    ) -> Published:
        """Put a session on the Hub with its card, in one commit: all of it or nothing.

        Raises StudioError with what to do: also if personal data is found and `accept_found` is not set.
        """
        if reason := self.why_not():
            raise StudioError(f"{session.name} cannot be published. {reason}", "Nothing was published.")
        if not wish.is_possible:
            raise StudioError(
                f"'{wish.repo}' cannot be the name of a dataset.", "Write it like this: your-name/ferry-talk"
            )
        found = self.check(session, lambda done: progress(f"Looking for personal data: {done:,} rows done"))
        if found and not accept_found:
            raise StudioError(
                f"{session.name} holds what looks like personal data: {found_in_words(found)}.",
                "Look at these rows first (sessions check names them), or accept it. Nothing was published.",
            )
        with tempfile.TemporaryDirectory(prefix="publish-", dir=self._scratch) as folder:
            path = Path(folder) / "train.jsonl"
            count = write_rows(
                path,
                self._seen(session),
                progress=lambda done: progress(f"Writing the file: {done:,} of {session.row_count:,} rows"),
            )
            card = dataset_card(
                session, self._sessions.versions(session.id), wish, found, self._licenses(session, progress)
            )
            url = self._hub.publish(path, card, wish, token=self._secrets.hf_token(), progress=progress)
        return Published(url, count)

    def _seen(self, session: Session) -> Iterator[SessionRow]:
        """The rows the person saw: what is collected meanwhile was not looked at, and is not sent."""
        return self._sessions.rows(session.id, version=session.version, limit=session.row_count)

    def _licenses(self, session: Session, progress: Progress) -> list[tuple[str, int]]:
        named = Counter(
            str(row.meta["license"])
            for row in self._rows(session, lambda done: progress(f"Counting licences: {done:,} rows done"))
            if row.meta.get("license")
        )
        return named.most_common(20)

    def _rows(self, session: Session, progress: Callable[[int], None] | None) -> Iterator[SessionRow]:
        for row in self._seen(session):
            if progress is not None and row.position % _TOLD_ROWS == 0:
                progress(row.position)
            yield row
