"""Find rows of a version: through the index where it is made, row by row where it is not."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from sqlalchemy import (
    ColumnElement,
    Engine,
    LargeBinary,
    RowMapping,
    bindparam,
    cast,
    func,
    or_,
    select,
    text,
)

from app.adapters.sqlite.row_ranges import Range, VersionRecord, ranges_of, read
from app.adapters.sqlite.row_text import from_text, meta_from_text
from app.adapters.sqlite.schema import session_rows, sessions
from app.adapters.sqlite.search_index import SearchIndex
from app.adapters.sqlite.transactions import reading
from app.domain.finding import Found, RowFilter, SearchState
from app.domain.sessions import SessionRow

INDEXED_FROM_ROWS: Final = 5_000
"""A smaller part is read row by row in a few milliseconds."""
_ASKED_FROM_ROWS: Final = 200
"""A shorter piece of a part is read sooner than the index answers."""
_SCAN_ROWS: Final = 1_000
_HASTE_ROWS: Final = 50_000
"""Read row by row at full speed; after that every other moment is the window's, drawn on the same cores."""
_INDEX_ROWS: Final = 5_000
_CANDIDATES: Final = 100
_CHANGED_BY_JSON: Final = frozenset('"\\:,{}[]/') | {chr(n) for n in range(32)}

Tick = Callable[[int], None]
"""Told how far it is; raises to stop."""

# What `app.domain.finding.searchable` makes of a row.
_SAID: Final = text(
    "SELECT CAST((SELECT group_concat(coalesce(json_extract(value, '$.content'), '') || char(10)"
    " || coalesce(json_extract(value, '$.reasoning_content'), '') || char(10)"
    " || coalesce(json_extract(value, '$.thinking'), '') || char(10)"
    " || coalesce(json_extract(value, '$.tool_calls'), ''), char(10))"
    " FROM json_each(messages)) AS BLOB) AS said"
    " FROM session_rows WHERE session = :part AND position >= :first AND position < :end ORDER BY position"
)


def find_rows(
    engine: Engine,
    index: SearchIndex,
    version: VersionRecord,
    wanted: RowFilter,
    *,
    start: int,
    limit: int,
    tick: Tick | None,
) -> Found:
    """The first `limit` matching rows from the position `start` on."""
    if limit <= 0:
        return Found([], start if start < version.row_count else None)
    with reading(engine) as connection:
        ranges = ranges_of(connection, version, start)
    ids = _ids_of(engine, _large(ranges))
    found: list[SessionRow] = []
    with index.held():
        for piece in ranges:
            for row in _in_range(engine, index, piece, ids.get(piece.part), wanted, tick):
                found.append(row)
                if len(found) == limit:
                    following = row.position + 1
                    return Found(found, following if following < version.row_count else None)
    return Found(found, None)


def search_state(engine: Engine, index: SearchIndex, version: VersionRecord) -> SearchState:
    parts = _large_parts(engine, version)
    done = sum(min(index.rows_done(part, part_id), rows) for part, part_id, rows in parts)
    return SearchState(done, sum(rows for *_, rows in parts), index.problem)


def make_index(engine: Engine, index: SearchIndex, version: VersionRecord, tick: Tick) -> None:
    """Go on where it is; each few thousand rows are kept at once, so that stopping loses little."""
    parts = _large_parts(engine, version)
    done = sum(index.rows_done(part, part_id) for part, part_id, _ in parts)
    for part, part_id, rows in parts:
        while (first := index.rows_done(part, part_id)) < rows and not index.problem:
            tick(done)
            values = {"part": part, "first": first, "end": min(first + _INDEX_ROWS, rows)}
            with reading(engine) as connection:
                # As bytes: half an emoji, which JSON can spell, is not UTF-8.
                found = connection.execute(_SAID, values).scalars()
                said = [(text_bytes or b"").decode("utf-8", "replace") for text_bytes in found]
            if not said:
                return  # deleted meanwhile
            index.add(part, part_id, first, said)
            done += len(said)


def _in_range(
    engine: Engine,
    index: SearchIndex,
    piece: Range,
    part_id: str | None,
    wanted: RowFilter,
    tick: Tick | None,
) -> Iterator[SessionRow]:
    done = 0
    if part_id is not None and piece.length >= _ASKED_FROM_ROWS and index.can_find(wanted.text):
        done = min(max(index.rows_done(piece.part, part_id) - piece.first, 0), piece.length)
    if done:
        yield from _by_index(engine, index, piece.cut(piece.position, piece.position + done), wanted, tick)
    may_match = _may_match(_as_stored(wanted.text))
    for start in range(piece.position + done, piece.end, _SCAN_ROWS):
        if tick is not None:
            tick(start)
        began = time.perf_counter()
        with reading(engine) as connection:
            records = list(read(connection, [piece.cut(start, start + _SCAN_ROWS)], only=may_match))
        if start - piece.position >= _HASTE_ROWS:
            time.sleep(time.perf_counter() - began)
        yield from _matching(records, wanted)


def _by_index(
    engine: Engine, index: SearchIndex, piece: Range, wanted: RowFilter, tick: Tick | None
) -> Iterator[SessionRow]:
    first, end = piece.first, piece.first + piece.length
    while places := index.candidates(wanted.text, piece.part, first, end, _CANDIDATES):
        first = places[-1] + 1
        shift = piece.position - piece.first
        if tick is not None:
            tick(places[0] + shift)
        query = (
            select(session_rows)
            .where(session_rows.c.session == piece.part, session_rows.c.position.in_(places))
            .order_by(session_rows.c.position)
        )
        with reading(engine) as connection:
            records = [(r["position"] + shift, r) for r in connection.execute(query).mappings()]
        yield from _matching(records, wanted)


def _matching(records: Sequence[tuple[int, RowMapping]], wanted: RowFilter) -> Iterator[SessionRow]:
    letters = _as_stored(wanted.text)
    for position, record in records:
        stored: str = record["messages"]
        if letters and letters not in stored.lower() and "\\u" not in stored:
            continue
        messages, meta = from_text(stored), meta_from_text(record["meta"])
        if wanted.matches(messages, meta):
            yield SessionRow(position, record["source_line"], messages, meta)


def _may_match(letters: str) -> ColumnElement[bool] | None:
    """What SQLite can tell, some times quicker than Python and while Python's other threads run.

    Its `lower` knows ASCII only, so a row with anything else may match.
    """
    if not letters:
        return None
    stored = session_rows.c.messages
    is_more_than_ascii = func.length(cast(stored, LargeBinary)) != func.length(stored)
    is_said = func.instr(func.lower(stored), letters) > 0
    is_escaped = func.instr(stored, "\\u") > 0
    return or_(is_said, is_more_than_ascii, is_escaped)


def _as_stored(wanted: str) -> str:
    """What a row's JSON must have for the row to match; empty if that cannot be told so simply."""
    lowered = wanted.lower()
    return "" if _CHANGED_BY_JSON & set(lowered) else json.dumps(lowered, ensure_ascii=False)[1:-1]


def _large_parts(engine: Engine, version: VersionRecord) -> list[tuple[int, str, int]]:
    """Parts of a version that are worth an index: number, id, rows."""
    with reading(engine) as connection:
        ranges = ranges_of(connection, version)
    wide = _large(ranges)
    query = (
        select(sessions.c.number, sessions.c.id, func.max(session_rows.c.position) + 1)
        .join(session_rows, session_rows.c.session == sessions.c.number)
        .where(sessions.c.number == bindparam("part"))
        .group_by(sessions.c.number)
    )
    with reading(engine) as connection:
        found = [connection.execute(query, {"part": part}).one_or_none() for part in sorted(wide)]
    return [(record[0], record[1], record[2]) for record in found if record is not None]


def _large(ranges: Sequence[Range]) -> set[int]:
    """Parts that give a version so many rows that an index is worth it, however many pieces they lie in."""
    rows: Counter[int] = Counter()
    for piece in ranges:
        rows[piece.part] += piece.length
    return {part for part, count in rows.items() if count >= INDEXED_FROM_ROWS}


def _ids_of(engine: Engine, parts: set[int]) -> dict[int, str]:
    query = select(sessions.c.number, sessions.c.id).where(sessions.c.number.in_(parts))
    with reading(engine) as connection:
        return {found.number: found.id for found in connection.execute(query)}
