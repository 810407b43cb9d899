"""Opens the database: makes or migrates the file, then clears away what killed processes left."""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Engine

from app.adapters.processes import SystemProcesses
from app.adapters.sqlite.faults import speaking_of
from app.adapters.sqlite.leftovers import clear_leftovers
from app.adapters.sqlite.migrating import migrate
from app.adapters.sqlite.migrations import MIGRATIONS, Migration
from app.adapters.sqlite.transactions import connect
from app.domain.errors import StoreError
from app.domain.ports import Processes
from app.paths import HOME_VARIABLE


def open_database(
    path: Path,
    *,
    migrations: Sequence[Migration] = MIGRATIONS,
    processes: Processes | None = None,
) -> Engine:
    """Open the database at `path`, ready for the stores of this package.

    An older database is backed up beside itself before it is migrated. Raises StoreError; what was in an
    existing file is then still there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"The folder {path.parent} cannot be made: {error.strerror or error}.",
            f"Set {HOME_VARIABLE} to a folder you may write to.",
        ) from error
    with speaking_of(path):
        migrate(path, migrations)
    engine = connect(path)
    try:
        clear_leftovers(engine, processes or SystemProcesses())
    except BaseException:
        engine.dispose()
        raise
    return engine
