"""Fills the working file: one line a row of every source, its text only where it must come out changed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Final, NamedTuple

from app.adapters.merging.workspace import Workspace
from app.adapters.sqlite.row_ranges import Range
from app.adapters.sqlite.row_text import from_text, meta_to_text, row_hash, to_text
from app.domain.merge_ports import MergeInput
from app.domain.merge_rows import prompt_key, question_key, system_of, with_system
from app.domain.merging import Example, Fate, MergeError, MergeRecipe
from app.domain.ready_rows import ReadyRow
from app.domain.sessions import Message, Session
from trainer_image.rows import Refused, Row

CHUNK_ROWS: Final = 5_000
EXAMPLES: Final = 20
"""Rows of each source and fate that are kept to look at."""

_PUT_ROW: Final = "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_PUT_TEXT: Final = "INSERT INTO texts VALUES (?, ?, ?)"


@dataclass
class Intake:
    """What came of one source so far."""

    rows: int = 0
    refused: int = 0
    examples: list[Example] = field(default_factory=list)
    columns: dict[str, None] = field(default_factory=dict)
    """Names of extra columns, in the order they were met."""


class Seen(NamedTuple):
    """What was found in a row, and its text where that is not the stored one."""

    hash: bytes
    prompt: bytes | None
    question: bytes | None
    text: str | None


class Reader:
    """Looks into rows as a recipe needs it."""

    def __init__(self, recipe: MergeRecipe) -> None:
        self._policy = recipe.system
        self._text = recipe.system_text.strip()
        self._wants_prompt = recipe.conflicts != "off"
        self._wants_question = recipe.held_out is not None
        self.needs_text = recipe.reads_conversations

    def use_first(self, messages: Sequence[Message]) -> None:
        """With the policy "first": this row's system prompt is the one, if none was found before."""
        if self._policy == "first" and not self._text:
            self._text = system_of(messages)

    @property
    def lacks_system(self) -> bool:
        return self._policy == "first" and not self._text

    def read(self, messages: tuple[Message, ...], text: str, text_hash: bytes) -> Seen:
        changed = messages
        if self._policy != "keep":
            changed = with_system(messages, "" if self._policy == "remove" else self._text)
        is_new = changed is not messages
        if is_new:
            text = to_text(changed)
            text_hash = row_hash(text)
        return Seen(
            text_hash,
            prompt_key(changed) if self._wants_prompt else None,
            question_key(changed) if self._wants_question else None,
            text if is_new else None,
        )


def take_in(work: Workspace, reader: Reader, inputs: Sequence[MergeInput]) -> list[Intake]:
    """Every row of every source. Raises MergeError if the policy "first" finds no system prompt."""
    intakes = []
    for place, given in enumerate(inputs):
        if given.session is not None:
            intakes.append(_take_session(work, reader, place, given.session))
        else:
            intakes.append(_take_rows(work, reader, place, given))
    return intakes


def take_held_out(work: Workspace, held_out: Session) -> None:
    for batch in _session_batches(work, held_out, "the held-out session"):
        seen = [
            (-1 - row.position, row.position, row.hash, question_key(from_text(row.text)), row.part, row.at)
            for row in batch
        ]
        with work.writing():
            work.sql.executemany("INSERT INTO held_out VALUES (?, ?, ?, ?, ?, ?)", seen)


def number_of(work: Workspace, session: Session) -> int:
    """The session's in the database. Raises MergeError if it is gone or has other rows now."""
    query = """
        SELECT number, content_hash FROM library.sessions
        WHERE id = ? AND held_by IS NULL AND deleted_at IS NULL
    """
    found = work.sql.execute(query, (session.id,)).fetchone()
    if found is None or found[1] != session.content_hash:
        raise changed(session.name)
    return int(found[0])


def changed(label: str) -> MergeError:
    return MergeError(
        f"{label} was changed or deleted while it was merged.", "Nothing was written. Merge again."
    )


def _take_session(work: Workspace, reader: Reader, place: int, session: Session) -> Intake:
    label = f"Reading {session.name}"
    if reader.lacks_system:
        rows = chain.from_iterable(_session_batches(work, session, label))
        _find_system(reader, session.name, (from_text(row.text) for row in islice(rows, CHUNK_ROWS)))
    if reader.needs_text:
        for batch in _session_batches(work, session, label):
            _put_session_rows(work, reader, place, batch)
    else:
        _copy_hashes(work, place, session, label)
    intake = Intake(rows=session.row_count)
    if work.count("SELECT coalesce(max(has_meta), 0) FROM rows WHERE source = ?", place):
        intake.columns.update(dict.fromkeys(_columns(work, session)))
    return intake


def _find_system(reader: Reader, label: str, conversations: Iterable[Sequence[Message]]) -> None:
    """With the policy "first": looked for in so many rows, as a file can be read only once."""
    if reader.lacks_system:
        for messages in conversations:
            reader.use_first(messages)
        if reader.lacks_system:
            raise MergeError(
                f"{label}, the first source, has no system prompt in its first {CHUNK_ROWS:,} rows.",
                "Put a source that has one first, or type the text that all rows should have.",
            )


def _copy_hashes(work: Workspace, place: int, session: Session, label: str) -> None:
    """The hash each row was stored with is all that exact duplicates need: no text is looked into."""
    first = _next_number(work)
    copy = """
        INSERT INTO rows (n, source, position, line, hash, has_meta, part, at)
        SELECT ? + position, ?, ? + position, source_line, content_hash, meta <> '', session, position
        FROM library.session_rows WHERE session = ? AND position >= ? AND position < ? ORDER BY position
    """
    for piece in _pieces(work, session, label):
        shift = piece.position - piece.first
        with work.writing():
            values = (first + shift, place, shift, piece.part, piece.first, piece.first + piece.length)
            done = work.sql.execute(copy, values).rowcount
        if done != piece.length:
            raise changed(session.name)


class _Stored(NamedTuple):
    """A row as the database has it, and where."""

    position: int
    line: int
    text: str
    hash: bytes
    meta: str
    part: int
    at: int


def _session_batches(work: Workspace, session: Session, label: str) -> Iterator[list[_Stored]]:
    query = """
        SELECT ? + position, source_line, messages, content_hash, meta, session, position
        FROM library.session_rows WHERE session = ? AND position >= ? AND position < ? ORDER BY position
    """
    batch: list[_Stored] = []
    for piece in _pieces(work, session, label):
        shift = piece.position - piece.first
        values = (shift, piece.part, piece.first, piece.first + piece.length)
        rows = [_Stored(*row) for row in work.sql.execute(query, values)]
        if len(rows) != piece.length:
            raise changed(session.name)
        batch += rows
        if len(batch) >= CHUNK_ROWS:
            yield batch
            batch = []
    if batch:
        yield batch


def _pieces(work: Workspace, session: Session, label: str) -> Iterator[Range]:
    """Where the rows of the session's version are, none longer than a chunk."""
    for piece in _ranges(work, session):
        for start in range(piece.position, piece.end, CHUNK_ROWS):
            work.say(label, start, session.row_count)
            yield piece.cut(start, min(start + CHUNK_ROWS, piece.end))


def _ranges(work: Workspace, session: Session) -> list[Range]:
    query = """
        SELECT position, part, first, length FROM library.version_ranges
        WHERE version = (SELECT number FROM library.session_versions WHERE session = ? AND version = ?)
        ORDER BY position
    """
    number = number_of(work, session)
    found = [Range(*record) for record in work.sql.execute(query, (number, session.version))]
    return found or [Range(0, number, 0, session.row_count)]


def _put_session_rows(work: Workspace, reader: Reader, place: int, batch: list[_Stored]) -> None:
    rows, texts = [], []
    for n, row in enumerate(batch, start=_next_number(work)):
        seen = reader.read(from_text(row.text), row.text, row.hash)
        found = (n, place, row.position, row.line, seen.hash, bool(row.meta), seen.prompt, seen.question)
        rows.append((*found, row.part, row.at))
        if seen.text is not None:
            texts.append((n, seen.text, row.meta))
    with work.writing():
        work.sql.executemany(_PUT_ROW, rows)
        work.sql.executemany(_PUT_TEXT, texts)


def _take_rows(work: Workspace, reader: Reader, place: int, given: MergeInput) -> Intake:
    """Rows from outside are copied into the working file: they can be read only once."""
    intake = Intake()
    found = given.rows or iter(())
    while batch := list(islice(found, CHUNK_ROWS)):
        work.say(f"Reading {given.label}", intake.rows)
        rows: list[Row | ReadyRow] = []
        for item in batch:
            if isinstance(item, Refused):
                _refuse(intake, place, item)
            else:
                rows.append(item)
        _find_system(reader, given.label, (row.messages for row in rows))
        _put_outside_rows(work, reader, place, rows, intake)
        intake.rows += len(batch)
    return intake


def _put_outside_rows(
    work: Workspace, reader: Reader, place: int, found: list[Row | ReadyRow], intake: Intake
) -> None:
    rows, texts = [], []
    for n, row in enumerate(found, start=_next_number(work)):
        intake.columns.update(dict.fromkeys(row.meta))
        text = row.text if isinstance(row, ReadyRow) else to_text(row.messages)
        seen = reader.read(row.messages, text, row_hash(text))
        has_meta = bool(row.meta)
        looked_at = (seen.hash, has_meta, seen.prompt, seen.question)
        rows.append((n, place, row.line - 1, row.line, *looked_at, None, None))
        texts.append((n, seen.text or text, meta_to_text(row.meta)))
    with work.writing():
        work.sql.executemany(_PUT_ROW, rows)
        work.sql.executemany(_PUT_TEXT, texts)


def _refuse(intake: Intake, place: int, row: Refused) -> None:
    intake.refused += 1
    if len(intake.examples) < EXAMPLES:
        intake.examples.append(
            Example(fate=Fate.REFUSED, source=place, row=row.line, reason=row.reason[:300])
        )


def _next_number(work: Workspace) -> int:
    return work.count("SELECT coalesce(max(n), 0) + 1 FROM rows")


def _columns(work: Workspace, session: Session) -> list[str]:
    query = """
        SELECT DISTINCT key FROM library.session_rows, json_each(library.session_rows.meta)
        WHERE session = ? AND position >= ? AND position < ? AND meta <> ''
    """
    names: set[str] = set()
    for piece in _ranges(work, session):
        values = (piece.part, piece.first, piece.first + piece.length)
        names.update(str(name) for (name,) in work.sql.execute(query, values))
    return sorted(names)
