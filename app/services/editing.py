"""Change the rows of a session: each change is a new version, and the one before it can be brought back."""

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import chain

from app.domain.edits import Example, Preview, Replacement, unmasked
from app.domain.elsewhere import Elsewhere
from app.domain.errors import StudioError
from app.domain.finding import Found, RowFilter, SearchState, is_unmasked
from app.domain.session_ports import SessionStore
from app.domain.sessions import Message, RowChange, Session, SessionId, SessionRow, SessionVersion
from app.services.elsewhere import LONG_ROWS, Given, elsewhere_if
from trainer_image.rows import DOCUMENT, Row, RowError, to_document, to_messages

_PAGE_ROWS = 1_000
_EXAMPLES = 3

Progress = Callable[[int], None]
"""Told how many rows are done; may raise to stop, and then nothing is stored."""
Selection = RowFilter | Collection[int]
"""Rows that match, or rows by position."""


def _is_of_many(_: "EditingService", given: Given) -> bool:
    return bool(given["base"].row_count >= LONG_ROWS)


class EditingService:
    """Blocking: the UI calls it off the event loop.

    Every method that changes rows takes the session as the person saw it, and raises StaleSessionError if it
    has been changed elsewhere since.
    """

    place = "library.editing"

    def __init__(self, sessions: SessionStore, elsewhere: Elsewhere | None = None) -> None:
        self._sessions = sessions
        self.elsewhere = elsewhere

    def find(
        self,
        session_id: SessionId,
        wanted: RowFilter,
        *,
        start: int = 0,
        limit: int = 25,
        version: int | None = None,
        tick: Progress | None = None,
    ) -> Found:
        return self._sessions.find_rows(
            session_id, wanted, start=start, limit=limit, version=version, tick=tick
        )

    def search_state(self, session_id: SessionId) -> SearchState:
        return self._sessions.search_state(session_id)

    @elsewhere_if(lambda self, given: self._sessions.get(given["session_id"]).row_count >= LONG_ROWS)
    def make_search_index(self, session_id: SessionId, progress: Progress) -> None:
        self._sessions.make_search_index(session_id, progress)

    def versions(self, session_id: SessionId) -> Sequence[SessionVersion]:
        """Newest first."""
        return self._sessions.versions(session_id)

    def restore(self, base: Session, version: int) -> Session:
        """Make an older version's rows the newest ones."""
        return self._sessions.restore(base, version)

    def undo(self, base: Session) -> Session:
        """Bring back what was there before the last change. Raises StudioError if there was none."""
        if base.version == 1:
            raise StudioError(f"{base.name} was never changed.", "There is nothing to undo.")
        return self.restore(base, base.version - 1)

    def edit_row(
        self,
        base: Session,
        position: int,
        messages: Sequence[Message],
        progress: Progress | None = None,
    ) -> Session:
        """Give a row these messages. Raises StudioError if nothing could be learnt from them."""
        row = next(self._sessions.rows(base.id, start=position, limit=1, version=base.version), None)
        if row is None:
            raise StudioError(
                f"{base.name} has no row {position + 1:,}.", "Look at the rows as they are now."
            )
        change = RowChange(position, Row(row.source_line, checked(messages, position), row.meta))
        return self._sessions.change(base, [change], f"row {position + 1:,} edited", progress=progress)

    def add_row(
        self, base: Session, messages: Sequence[Message], progress: Progress | None = None
    ) -> Session:
        """At the end."""
        position = base.row_count
        change = RowChange(position, Row(0, checked(messages, position)), is_new=True)
        return self._sessions.change(base, [change], f"row {position + 1:,} added", progress=progress)

    def delete_rows(self, base: Session, chosen: Selection, progress: Progress | None = None) -> Session:
        changes = (RowChange(row.position, None) for row in self._chosen(base, chosen, progress))
        return self._change_some(base, changes, "deleted", progress)

    def set_unmask(
        self, base: Session, chosen: Selection, *, unmask: bool, progress: Progress | None = None
    ) -> Session:
        """Have every message of these rows learnt, or their answers only."""
        changes = (
            RowChange(row.position, Row(row.source_line, unmasked(row.messages, unmask=unmask), row.meta))
            for row in self._chosen(base, chosen, progress)
            if is_unmasked(row.messages) != unmask and row.messages[0]["role"] != DOCUMENT
        )
        done = "learnt whole" if unmask else "learnt by their answers only"
        return self._change_some(base, changes, done, progress)

    @elsewhere_if(_is_of_many)
    def preview_replace(self, base: Session, wish: Replacement, progress: Progress | None = None) -> Preview:
        """How many rows a replacement would change. Raises StudioError if a row would become useless."""
        count, examples = 0, list[Example]()
        for row, messages in self._replaced(base, wish, progress):
            count += 1
            if len(examples) < _EXAMPLES:
                pairs = zip(row.messages, messages, strict=True)
                before, after = next((a, b) for a, b in pairs if a != b)
                examples.append(Example(row.position, before["content"], after["content"]))
        return Preview(count, examples)

    @elsewhere_if(_is_of_many)
    def replace(self, base: Session, wish: Replacement, progress: Progress | None = None) -> Session:
        """All of it or, if a row would become useless, nothing: raises StudioError."""
        changes = (
            RowChange(row.position, Row(row.source_line, messages, row.meta))
            for row, messages in self._replaced(base, wish, progress)
        )
        return self._change_some(base, changes, "changed by find and replace", progress)

    def append_session(self, base: Session, other: Session, progress: Progress | None = None) -> Session:
        return self._sessions.append(base, other, progress=progress)

    def _replaced(
        self, base: Session, wish: Replacement, progress: Progress | None
    ) -> Iterator[tuple[SessionRow, tuple[Message, ...]]]:
        if not wish.find:
            raise StudioError("There is nothing to find.", "Type what is to be replaced.")
        for row in self._chosen(base, RowFilter(text=wish.find), progress):
            messages = wish.apply(row.messages)
            if messages != row.messages:
                yield row, checked(messages, row.position)

    def _chosen(self, base: Session, chosen: Selection, progress: Progress | None) -> Iterator[SessionRow]:
        """In order of position."""
        if not isinstance(chosen, RowFilter):
            for position in sorted(set(chosen)):
                yield from self._sessions.rows(base.id, start=position, limit=1, version=base.version)
            return
        start: int | None = 0
        while start is not None:
            found = self.find(
                base.id, chosen, start=start, limit=_PAGE_ROWS, version=base.version, tick=progress
            )
            yield from found.rows
            start = found.next_start

    def _change_some(
        self, base: Session, changes: Iterator[RowChange], done: str, progress: Progress | None
    ) -> Session:
        """Raises StudioError if there is nothing to change: a version like the one before helps nobody."""
        first = next(changes, None)
        if first is None:
            raise StudioError("No row would change.", "Choose other rows, or look for something else.")
        return self._sessions.change(base, chain([first], changes), "{rows} " + done, progress=progress)


def checked(messages: Sequence[Message], position: int) -> tuple[Message, ...]:
    """As training reads them. Raises StudioError with the reason why they cannot be learnt from."""
    record = {"messages": [dict(message) for message in messages]}
    try:
        if messages and messages[0].get("role") == DOCUMENT:
            to_document({DOCUMENT: messages[0].get("content")}, DOCUMENT)
        return to_messages(record)
    except RowError as error:
        raise StudioError(
            f"Row {position + 1:,} cannot be stored like this: {error.reason}.",
            "A row needs a question and an answer. Correct it, or delete the row. Nothing was changed.",
        ) from error
