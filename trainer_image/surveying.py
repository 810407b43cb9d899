"""What becomes of every row of a set, whatever the limits: a table in a file that outlives the program.

A row's length, where its loss begins and which row it repeats do not depend on how long a row may be; from
them `lengths` tells the ledger for any longest length. Rows stream through: memory stays flat.
"""

import json
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from trainer_image.config import RunConfig
from trainer_image.data import FirstSeen
from trainer_image.encoding import Chunk, Outcome
from trainer_image.lengths import KINDS, Kind, Part
from trainer_image.masking import special_ids
from trainer_image.reporting import SilentReporter
from trainer_image.rows import Refused, Row
from trainer_image.sources import open_validation_rows
from trainer_image.tokenising import Tokenising
from trainer_image.verdicts import CHANGES, INSPECTED, begins_twice, changes

UNSTOPPED: Final = 1
DOUBLED: Final = 2
FIRST_CHANGE: Final = 4
"""Bits of a row's `flags`; from the last one on those of `verdicts.CHANGES`, in their order."""

_PARTS: Final[tuple[Part, ...]] = ("train", "validation")
_TABLES: Final = """
CREATE TABLE rows (
    number INTEGER PRIMARY KEY,
    line INTEGER NOT NULL,
    part INTEGER NOT NULL,
    kind INTEGER,
    length INTEGER,
    first INTEGER,
    trained INTEGER,
    flags INTEGER NOT NULL,
    lost_answers INTEGER NOT NULL,
    bucket TEXT,
    reason TEXT
);
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
"""`number` counts rows from 0 in their order, those of the validation file after all others. A row that never
came to tokens has a `bucket` and no `kind`; `kind` counts in `lengths.KINDS`, `part` in train, validation."""
_INSERT: Final = "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ALWAYS_LEFT_OUT: Final = {"too_long", "too_short"}
"""Longer than any run takes, or shorter: their length alone says so."""

Line = tuple[Any, ...]


def without_limits(config: RunConfig) -> RunConfig:
    """The config with which every row comes to all of its tokens."""
    return config.model_copy(
        update={"max_seq_len": 1_048_576, "min_seq_len": 1, "over_long": "drop", "drop_duplicates": True}
    )


class Surveying:
    """Writes what becomes of rows into one file. Raises RunFailedError if the run cannot see them."""

    def __init__(self, config: RunConfig, tokenizer: Any, run_dir: Path, *, workers: int | None) -> None:
        self._config, self._tokenizer, self._run_dir = without_limits(config), tokenizer, run_dir
        self._tokenising = Tokenising(self._config, run_dir, tokenizer, SilentReporter(), workers=workers)
        self._special = special_ids(tokenizer)
        self._number = 0

    def write(self, rows: Iterable[Row | Refused], target: Path, progress: Callable[[int], None]) -> int:
        """Returns the number of rows; `target` appears whole or not at all. Raises OSError."""
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f"{target.name}.") as folder:
            partial = Path(folder) / target.name
            with closing(sqlite3.connect(partial, isolation_level=None)) as table:
                table.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _TABLES)
                self._fill(table, rows, Path(folder), progress)
            os.replace(partial, target)
        return self._number

    def _fill(
        self,
        table: sqlite3.Connection,
        rows: Iterable[Row | Refused],
        folder: Path,
        progress: Callable[[int], None],
    ) -> None:
        changed: list[int] = []
        seen = FirstSeen(folder)
        try:
            table.execute("BEGIN")
            for part, source in self._sources(self._watched(rows, changed)):
                for chunk in self._tokenising.chunks(source):
                    table.executemany(_INSERT, self._lines(chunk, part, seen))
                    progress(self._number)
            table.executemany(
                "UPDATE rows SET flags = flags | ? WHERE number = ?",
                [(flags, number) for number, flags in enumerate(changed) if flags > 0],
            )
            inspected = sum(flags >= 0 for flags in changed)
            table.execute("INSERT INTO facts VALUES ('inspected', ?)", (json.dumps(inspected),))
            table.execute("COMMIT")
        finally:
            seen.close()

    def _sources(self, rows: Iterable[Row | Refused]) -> Iterator[tuple[Part, Iterable[Row | Refused]]]:
        yield "train", rows
        if self._config.validation == "file":
            yield "validation", open_validation_rows(self._config, self._run_dir).rows

    def _watched(self, rows: Iterable[Row | Refused], changed: list[int]) -> Iterator[Row | Refused]:
        """Look at the texts of the first rows, as the trainer does; -1 stands for a row that is none."""
        inspected = 0
        for row in rows:
            if inspected < INSPECTED and not self._config.is_pretraining:
                is_row = isinstance(row, Row)
                inspected += is_row
                changed.append(self._changes(row) if isinstance(row, Row) else -1)
            yield row

    def _changes(self, row: Row) -> int:
        found = changes(self._tokenizer, row.messages)
        return sum(FIRST_CHANGE << at for at, change in enumerate(CHANGES) if change in found)

    def _lines(self, chunk: Chunk, part: Part, seen: FirstSeen) -> Iterator[Line]:
        at = 0
        for outcome in chunk.outcomes:
            mine = slice(at, at + outcome.kept)
            at += outcome.kept
            yield self._line(outcome, chunk.ids[mine].tolist(), bytes(chunk.trained[mine]), part, seen)
            self._number += 1

    def _line(self, outcome: Outcome, ids: list[int], trained: bytes, part: Part, seen: FirstSeen) -> Line:
        known = (self._number, outcome.line, _PARTS.index(part))
        if outcome.length is None:
            return (*known, None, None, None, None, 0, 0, outcome.bucket, outcome.reason)
        kind: Kind = "new"
        reason = None
        if outcome.bucket and outcome.bucket not in _ALWAYS_LEFT_OUT:
            kind, reason = "nothing", outcome.reason
        elif outcome.kept and (earlier := seen.before(outcome.digest, outcome.line)):
            kind, reason = "again", f"the same tokens as line {earlier}"
        figures = (KINDS.index(kind), outcome.length, max(trained.find(1), 0), trained.count(1))
        return (*known, *figures, self._flags(ids, trained), outcome.lost_answers, None, reason)

    def _flags(self, ids: list[int], trained: bytes) -> int:
        last = trained.rfind(1)
        unstopped = last >= 0 and ids[last] not in self._special
        return UNSTOPPED * unstopped + DOUBLED * begins_twice(ids, self._tokenizer.bos_token_id)
