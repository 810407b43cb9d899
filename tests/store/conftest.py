from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.adapters.processes import SystemProcesses
from app.adapters.sqlite.engine import open_database
from app.adapters.sqlite.runs import SqliteRunStore
from app.adapters.sqlite.sessions import SqliteSessionStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "tunewright.db"


@pytest.fixture
def engine(path: Path) -> Iterator[Engine]:
    engine = open_database(path)
    yield engine
    engine.dispose()


@pytest.fixture
def runs(engine: Engine) -> SqliteRunStore:
    return SqliteRunStore(engine)


@pytest.fixture
def sessions(engine: Engine) -> SqliteSessionStore:
    return SqliteSessionStore(engine, SystemProcesses())
