"""Sessions that are not whole: staged by an import under way, or being deleted.

Thousands of rows are written and removed in batches, each its own short transaction, so that no other
writer waits long. Meanwhile the session carries the process that holds it in `held_by` and nobody sees it.
What a killed process held is removed when the database is opened next.
"""

import logging
from typing import Final

from sqlalchemy import Engine, delete, select

from app.adapters.sqlite.schema import session_rows, sessions
from app.adapters.sqlite.transactions import reading, writing
from app.domain.ports import Processes

log = logging.getLogger(__name__)

DELETE_BATCH_ROWS: Final = 5_000


def clear_leftovers(engine: Engine, processes: Processes) -> None:
    """Remove sessions held by processes that are no more."""
    query = select(sessions.c.number, sessions.c.held_by).where(sessions.c.held_by.is_not(None))
    with reading(engine) as connection:
        held = connection.execute(query).all()
    for number, holder in held:
        if not processes.is_alive(holder):
            log.info("Clearing away session number %d, left unfinished by %s", number, holder)
            remove_session(engine, number)


def remove_session(engine: Engine, number: int) -> None:
    """Delete a session that nobody sees any more (`held_by` is set), rows first, batch by batch."""
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
