"""What SQLite complains about, as sentences for people."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from app.domain.errors import StoreError
from app.paths import HOME_VARIABLE

_ELSEWHERE = f"or set {HOME_VARIABLE} to another folder"


@contextmanager
def speaking_of(path: Path) -> Iterator[None]:
    """Turn what SQLite raises within into StoreError. A broken constraint stays what it is: a bug."""
    try:
        yield
    except DBAPIError as error:
        if not isinstance(error.orig, sqlite3.Error) or isinstance(error.orig, sqlite3.IntegrityError):
            raise
        raise explain(error.orig, path) from error
    except sqlite3.IntegrityError:
        raise
    except sqlite3.Error as error:
        raise explain(error, path) from error


def explain(error: sqlite3.Error, path: Path) -> StoreError:
    """The sentence and the way out for one SQLite error on the database at `path`."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest of the number is detail
    match code:
        case sqlite3.SQLITE_FULL:
            message, hint = f"There is no room left on the disk for {path}.", "Make room, then try again."
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            message = f"The database {path} cannot be written: you may only read it or its folder."
            hint = f"Allow writing there, {_ELSEWHERE}."
        case sqlite3.SQLITE_CANTOPEN:
            message = f"The database {path} cannot be opened or created."
            hint = f"Check that its folder exists and that you may write there, {_ELSEWHERE}."
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            message = "The database is busy: another program has kept it locked for a while."
            hint = "Try again in a moment; if it stays so, close other Tunewright windows."
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
            message = f"{path} is damaged or is not a database."
            hint = f"Move it away, or put a backup (.bak) from beside it in its place, {_ELSEWHERE}."
        case sqlite3.SQLITE_IOERR:
            message = f"The disk refused to read or write {path}."
            hint = f"Check that the disk is connected and has room, {_ELSEWHERE}."
        case _:
            message = f"The database {path} reported: {error}."
            hint = "Try again; the log has the details."
    return StoreError(message, hint)
