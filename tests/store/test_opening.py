"""Opening the database: fresh, newer, older, damaged, forbidden, twice at once."""

import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect

from app.adapters.processes import SystemProcesses
from app.adapters.sqlite.engine import open_database
from app.adapters.sqlite.migrating import version_of
from app.adapters.sqlite.migrations import MIGRATIONS, Migration
from app.adapters.sqlite.runs import SqliteRunStore
from app.adapters.sqlite.schema import metadata
from app.adapters.sqlite.sessions import SqliteSessionStore
from app.adapters.sqlite.transactions import reading
from app.domain.errors import StoreError

from . import children, examples


def _version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return version_of(connection)


def _add_notes(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE runs ADD COLUMN notes TEXT")


def _break_halfway(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE runs ADD COLUMN notes TEXT")
    connection.execute("INSERT INTO no_such_table VALUES (1)")


NEXT = len(MIGRATIONS) + 1


def test_the_migrations_make_the_tables_the_code_expects(engine: Engine) -> None:
    made = inspect(engine)

    assert set(made.get_table_names()) == set(metadata.tables) | {"schema_version"}
    for name, table in metadata.tables.items():
        there = {column["name"]: column["nullable"] for column in made.get_columns(name)}
        assert set(there) == set(table.columns.keys()), name
        must = {c.name for c in table.columns if not c.nullable and not c.primary_key}
        assert must == {n for n, nullable in there.items() if not nullable} - set(
            table.primary_key.columns.keys()
        )


def test_migrations_are_numbered_without_gaps() -> None:
    assert [migration.number for migration in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))


def test_connections_check_references_and_readers_never_wait(engine: Engine) -> None:
    with reading(engine) as connection:
        pragmas = ("foreign_keys", "journal_mode", "synchronous", "busy_timeout")
        found = [connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() for pragma in pragmas]

    assert found == [1, "wal", 1, 15_000]


def test_opening_twice_keeps_what_is_there(path: Path, engine: Engine) -> None:
    SqliteRunStore(engine).add(examples.run())

    again = open_database(path)

    assert SqliteRunStore(again).all() == [examples.run()]
    assert list(path.parent.glob("*.bak")) == []


def test_several_processes_may_open_a_fresh_database_at_once(path: Path) -> None:
    start, outcome = children.FRESH.Barrier(3), children.FRESH.Queue()

    processes = children.start_all(
        children.FRESH, children.open_at_once, ((path, start, outcome) for _ in range(3))
    )

    assert [outcome.get(timeout=60) for _ in processes] == ["ok"] * 3
    children.join(*processes)
    assert _version(path) == len(MIGRATIONS)


def test_a_database_of_a_newer_version_is_refused_and_left_alone(path: Path) -> None:
    newer = (*MIGRATIONS, Migration(NEXT, "from the future", _add_notes))
    open_database(path, migrations=newer).dispose()
    before = path.read_bytes()

    with pytest.raises(StoreError, match="newer Tunewright") as refusal:
        open_database(path)

    assert "TUNEWRIGHT_HOME" in refusal.value.hint
    assert path.read_bytes() == before


def test_an_older_database_is_backed_up_then_migrated(path: Path, engine: Engine) -> None:
    SqliteRunStore(engine).add(examples.run())
    engine.dispose()

    newer = (
        *MIGRATIONS,
        Migration(NEXT, "notes", _add_notes),
        Migration(NEXT + 1, "nothing", lambda _: None),
    )
    migrated = open_database(path, migrations=newer)

    assert _version(path) == NEXT + 1
    assert "notes" in {column["name"] for column in inspect(migrated).get_columns("runs")}
    [backup] = path.parent.glob("*.bak")
    assert backup.name.startswith(f"{path.name}.v{NEXT - 1}-")
    assert SqliteRunStore(open_database(backup)).all() == [examples.run()]


def test_a_failing_migration_leaves_the_database_as_it_was(path: Path, engine: Engine) -> None:
    SqliteRunStore(engine).add(examples.run())

    with pytest.raises(StoreError, match="no_such_table"):
        open_database(path, migrations=(*MIGRATIONS, Migration(NEXT, "broken", _break_halfway)))

    again = open_database(path)
    assert _version(path) == len(MIGRATIONS)
    assert "notes" not in {column["name"] for column in inspect(again).get_columns("runs")}
    assert SqliteRunStore(again).all() == [examples.run()]


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "photos.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE photos (id)")

    with pytest.raises(StoreError, match="another program"):
        open_database(path)


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "tunewright.db"
    path.write_bytes(b"dear diary, " * 1000)

    with pytest.raises(StoreError, match="damaged or is not a database"):
        open_database(path)

    assert path.read_bytes() == b"dear diary, " * 1000


def test_a_database_with_a_torn_page_is_called_damaged(path: Path, engine: Engine) -> None:
    SqliteSessionStore(engine, SystemProcesses()).add("s", "test", examples.rows(5_000))
    engine.dispose()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)

    with pytest.raises(StoreError, match="damaged"):
        open_database(path)


@pytest.mark.parametrize("existing", [False, True], ids=["nothing there yet", "a database there"])
def test_a_folder_one_may_not_write_is_named_with_the_way_out(existing: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)  # tmp_path lies in a folder that nobody else may enter
        if existing:
            open_database(folder / "tunewright.db").dispose()
            (folder / "tunewright.db").chmod(0o444)
        folder.chmod(0o555)
        outcome = children.FORKED.Queue()

        [process] = children.start_all(
            children.FORKED, children.open_as_nobody, iter([(folder / "tunewright.db", outcome)])
        )

        sentence = outcome.get(timeout=30)
        children.join(process)
        folder.chmod(0o755)
    assert f"{folder / 'tunewright.db'} cannot be" in sentence
    assert "TUNEWRIGHT_HOME" in sentence


def test_a_home_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")

    with pytest.raises(StoreError, match="cannot be made"):
        open_database(tmp_path / "file" / "home" / "tunewright.db")


def test_a_copy_of_the_file_alone_opens_after_a_clean_end(path: Path, engine: Engine, tmp_path: Path) -> None:
    SqliteRunStore(engine).add(examples.run())
    engine.dispose()

    shutil.copy(path, tmp_path / "copy.db")

    assert SqliteRunStore(open_database(tmp_path / "copy.db")).all() == [examples.run()]
