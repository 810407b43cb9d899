"""Reads the small SQLite files in which a process left what it found out about rows."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from app.domain.previews import PreviewError


def select(
    path: Path, query: str, values: Mapping[str, Any] | None = None, *, again: str
) -> list[tuple[Any, ...]]:
    """Raises PreviewError, with `again` as what to do, if the file is gone or broken."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as table:
            return table.execute(query, values or {}).fetchall()
    except sqlite3.Error as error:
        raise PreviewError("What was found out about the rows can no longer be read.", again) from error
