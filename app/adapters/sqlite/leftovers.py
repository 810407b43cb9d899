"""Sessions that are not whole: staged by an import or a change under way, or being deleted.

Thousands of rows are written and removed in batches, each its own short transaction, so that no other
writer waits long. Meanwhile the session carries the process that holds it in `held_by` and nobody sees it.
What a killed process held is removed when the database is opened next.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, Engine, delete, exists, select, update

from app.adapters.sqlite.schema import (
    runs,
    scrapes,
    session_rows,
    session_versions,
    sessions,
    version_ranges,
)
from app.adapters.sqlite.transactions import reading, writing
from app.domain.errors import StoreError
from app.domain.ports import Processes

log = logging.getLogger(__name__)

DELETE_BATCH_ROWS: Final = 5_000


def clear_leftovers(engine: Engine, processes: Processes) -> None:
    """Remove sessions held by processes that are no more, or leave that to the next opening: on a full disk
    nothing can be removed, and what is whole can be read all the same."""
    query = select(sessions.c.number, sessions.c.held_by).where(sessions.c.held_by.is_not(None))
    with reading(engine) as connection:
        held = connection.execute(query).all()
    for number, holder in held:
        if not processes.is_alive(holder):
            log.info("Clearing away session number %d, left unfinished by %s", number, holder)
            with _left_for_later():
                remove_session(engine, number)
    with _left_for_later():
        remove_unused_parts(engine)


@contextmanager
def _left_for_later() -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        log.warning("What was left unfinished stays for now: %s", error)


def remove_session(engine: Engine, number: int) -> None:
    """Delete a session that nobody sees any more (`held_by` is set): its versions, then, batch by batch, the
    rows that no other session shares."""
    with writing(engine) as connection:
        own = select(session_versions.c.number).where(session_versions.c.session == number)
        parts = select(version_ranges.c.part).distinct().where(version_ranges.c.version.in_(own))
        mine = [part for part in connection.execute(parts).scalars() if part != number]
        connection.execute(delete(session_versions).where(session_versions.c.session == number))
        gone = [part for part in (*mine, number) if _let_go(connection, part, is_part=part != number)]
    for part in gone:
        _remove_rows(engine, part)


def remove_unused_parts(engine: Engine) -> None:
    """Rows that a killed `remove_session` left behind."""
    query = select(sessions.c.number).where(
        sessions.c.is_part, sessions.c.held_by.is_(None), ~_is_shared(sessions.c.number)
    )
    with reading(engine) as connection:
        unused = connection.execute(query).scalars().all()
    for number in unused:
        _remove_rows(engine, number)


def _let_go(connection: Connection, number: int, *, is_part: bool) -> bool:
    """Whether its rows may go. Those that another session shares stay, as a part that nobody sees."""
    is_shared = connection.execute(select(_is_shared(number))).scalar_one()
    if not is_shared:
        own = select(sessions.c.is_part).where(sessions.c.number == number)
        return not is_part or bool(connection.execute(own).scalar_one())
    if not is_part:
        own_id = select(sessions.c.id).where(sessions.c.number == number).scalar_subquery()
        connection.execute(update(runs).where(runs.c.session_id == own_id).values(session_id=None))
        connection.execute(update(scrapes).where(scrapes.c.session == number).values(session=None))
        connection.execute(
            update(sessions).where(sessions.c.number == number).values(held_by=None, is_part=True, name="")
        )
    return False


def _is_shared(number: Any) -> Any:
    return exists().where(version_ranges.c.part == number)


def _remove_rows(engine: Engine, number: int) -> None:
    batch = (
        select(session_rows.c.position)
        .where(session_rows.c.session == number)
        .limit(DELETE_BATCH_ROWS)
        .scalar_subquery()
    )
    rows = delete(session_rows).where(session_rows.c.session == number, session_rows.c.position.in_(batch))
    removed = DELETE_BATCH_ROWS
    while removed == DELETE_BATCH_ROWS:
        with writing(engine) as connection:
            removed = connection.execute(rows).rowcount
    with writing(engine) as connection:
        connection.execute(delete(sessions).where(sessions.c.number == number))
