"""The numbered steps from an empty file to today's tables.

A step that has been released is never edited again: databases out there have already taken it. A change of
the tables is a new module with the next number, added to `MIGRATIONS`, and the same change in `schema.py`.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from app.adapters.sqlite.migrations import (
    m0001_first_tables,
    m0002_what_a_run_measures,
    m0003_where_a_row_is_from,
    m0004_versions_of_sessions,
    m0005_scrapes,
    m0006_merges,
    m0007_how_warm_the_gpu_is,
    m0008_history_and_queue,
    m0009_exports,
    m0010_conversations,
    m0011_rentals,
    m0012_spent_before,
)


@dataclass(frozen=True)
class Migration:
    number: int
    """Version of the database once it is done; numbers have no gaps."""
    title: str
    apply: Callable[[sqlite3.Connection], None]
    """Runs inside a transaction that the caller begins and commits; must not commit itself."""


MIGRATIONS: Final = (
    Migration(1, "first tables", m0001_first_tables.apply),
    Migration(2, "what a run measures", m0002_what_a_run_measures.apply),
    Migration(3, "where a row is from", m0003_where_a_row_is_from.apply),
    Migration(4, "versions of sessions", m0004_versions_of_sessions.apply),
    Migration(5, "scrapes", m0005_scrapes.apply),
    Migration(6, "merges", m0006_merges.apply),
    Migration(7, "how warm the GPU is", m0007_how_warm_the_gpu_is.apply),
    Migration(8, "history and queue", m0008_history_and_queue.apply),
    Migration(9, "exports", m0009_exports.apply),
    Migration(10, "conversations", m0010_conversations.apply),
    Migration(11, "rentals", m0011_rentals.apply),
    Migration(12, "what was spent before a rental", m0012_spent_before.apply),
)
