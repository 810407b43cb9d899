"""A store, an engine over it, and a service whose files are lists of rows."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.adapters.merged_files import MergedFiles
from app.adapters.merging.engine import SqliteMergeEngine
from app.adapters.processes import SystemProcesses
from app.adapters.row_sources import RowSources
from app.adapters.sqlite.engine import open_database
from app.adapters.sqlite.merges import SqliteMergeStore
from app.adapters.sqlite.sessions import SqliteSessionStore
from app.domain.sessions import RowChange, Session
from app.services.merging import MergeService
from trainer_image.rows import Row

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


@dataclass
class NoSecrets:
    def hf_token(self) -> str | None:
        return None


@dataclass
class World:
    home: Path
    sessions: SqliteSessionStore
    engine: SqliteMergeEngine
    merging: MergeService
    names: Iterator[int] = field(default_factory=lambda: iter(range(10_000)))

    def session(self, rows: list[Row], name: str = "") -> Session:
        return self.sessions.add(name or f"s{next(self.names)}", "test", iter(rows))

    def edited_session(self, rows: list[Row]) -> Session:
        """The same rows after one in their middle was removed and their last was added: in several parts."""
        middle = len(rows) // 2
        first = self.session([*rows[:middle], pair("gone", "gone"), *rows[middle:-1]])
        changes = [RowChange(middle, None)]
        changes += [RowChange(first.row_count, row, is_new=True) for row in rows[-1:]]
        return self.sessions.change(first, changes, "edited")

    def file(self, text: str, name: str = "rows.jsonl") -> Path:
        path = self.home / name
        path.write_text(text, encoding="utf-8")
        return path

    @property
    def working_files(self) -> list[Path]:
        return list((self.home / "merging").glob("*"))


def pair(question: str, answer: str, line: int = 1, system: str = "", **meta: object) -> Row:
    first = ({"role": "system", "content": system},) if system else ()
    asked = ({"role": "user", "content": question}, {"role": "assistant", "content": answer})
    return Row(line, (*first, *asked), meta)


def make_world(home: Path) -> World:
    database = open_database(home / "tunewright.db")
    processes = SystemProcesses()
    sessions = SqliteSessionStore(database, processes)
    engine = SqliteMergeEngine(database, processes, home / "merging")
    merges = SqliteMergeStore(database)
    service = MergeService(sessions, RowSources(), merges, engine, MergedFiles(), NoSecrets(), lambda: NOON)
    return World(home, sessions, engine, service)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)
