"""Looks for what may be wrong with rows, in a process of its own: `python -m app.worker.quality DATA TARGET`.

DATA is JSONL, TARGET becomes an SQLite file. Says how many rows are done, a number a line, on stdout; ends
when stdin closes. Memory stays flat but for a page of SQLite's.
"""

import hashlib
import json
import os
import sqlite3
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from functools import lru_cache
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from app.domain.merge_rows import jaccard, prompt_key, shingles
from app.domain.quality import FLAWS, FORMAT, SIMILARITY, flaws_of
from app.domain.sessions import Message
from trainer_image import network
from trainer_image.rows import Row, read_jsonl

LANGUAGE_ROWS: Final = 50_000
"""Most rows whose language is looked at: it takes a fifth of a millisecond each."""
_SURE: Final = 0.9
_LEAST_LETTERS: Final = 20
_LANGUAGE_TEXT: Final = 1_000
_PERMUTATIONS, _BAND, _SEED = 96, 6, 1
"""A pair with 80 % of its word triples in common is proposed with a probability of 99 %."""
_NEIGHBOURS: Final = 3
_CHUNK: Final = 1_000
_TABLES: Final = """
CREATE TABLE rows (
    number INTEGER PRIMARY KEY, flags INTEGER NOT NULL, note TEXT, language TEXT, prompt BLOB, words TEXT
);
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TEMP TABLE seen (digest BLOB PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
CREATE TEMP TABLE buckets (bucket INTEGER NOT NULL, number INTEGER NOT NULL);
"""
_BITS: Final = {flaw: 1 << at for at, flaw in enumerate(FLAWS)}

Numbered = tuple[int, tuple[Message, ...]]


class Checking:
    """Fills one file."""

    def __init__(self, table: sqlite3.Connection, progress: Callable[[int], None]) -> None:
        self._table, self._progress = table, progress
        self._sign = _signatures()
        self._language = _languages()

    def run(self, data: Path) -> None:
        total = sum(1 for _ in read_jsonl(data))
        every = max(total // LANGUAGE_ROWS, 1)
        rows = ((n, row.messages) for n, row in enumerate(read_jsonl(data)) if isinstance(row, Row))
        done = 0
        while chunk := list(islice(rows, _CHUNK)):
            self._table.execute("BEGIN")
            self._take(chunk, every)
            self._table.execute("COMMIT")
            done = chunk[-1][0] + 1
            self._progress(done)
        self._table.execute("BEGIN")
        self._compare()
        facts = {"rows": total, "format": FORMAT}
        self._table.executemany("INSERT INTO facts VALUES (?, ?)", [(k, str(v)) for k, v in facts.items()])
        self._table.execute("UPDATE rows SET words = NULL WHERE words IS NOT NULL")
        self._table.execute("COMMIT")

    def _take(self, chunk: Sequence[Numbered], every: int) -> None:
        words = [list(shingles(messages)) for _, messages in chunk]
        for (number, messages), mine, digest in zip(chunk, words, self._sign(words), strict=True):
            flaws = dict(flaws_of(messages))
            if (first := self._first_with(messages, number)) is not None:
                flaws["same"] = f"the same as row {first + 1:,}"
            elif mine:
                self._table.executemany(
                    "INSERT INTO buckets VALUES (?, ?)", [(b, number) for b in _buckets(digest)]
                )
            self._table.execute(
                "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?)",
                (
                    number,
                    sum(_BITS[flaw] for flaw in flaws),
                    "; ".join(flaws.values()) or None,
                    self._language(messages) if number % every == 0 else None,
                    prompt_key(messages),
                    json.dumps(mine) if mine and "same" not in flaws else None,
                ),
            )

    def _first_with(self, messages: Sequence[Message], number: int) -> int | None:
        """The earlier row that says the same; None if this is the first."""
        text = json.dumps(messages, sort_keys=True)
        digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
        added = self._table.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (digest, number))
        if added.rowcount:
            return None
        found = self._table.execute("SELECT number FROM seen WHERE digest = ?", (digest,)).fetchone()
        return int(found[0])

    def _compare(self) -> None:
        """Pairs are only proposed by their signatures; what counts are the word triples themselves."""
        words = lru_cache(2_000)(self._words)
        pairs = sorted(set(self._proposed()))
        for number, found in groupby(pairs, key=itemgetter(0)):
            for _, other in found:
                alike = jaccard(words(number), words(other))
                if alike >= SIMILARITY:
                    note = f"{100 * alike:.0f} % the same as row {other + 1:,}"
                    self._table.execute(
                        "UPDATE rows SET flags = flags | ?, note = coalesce(note || '; ', '') || ?"
                        " WHERE number = ?",
                        (_BITS["near"], note, number),
                    )
                    break

    def _proposed(self) -> Iterator[tuple[int, int]]:
        """(row, earlier row) of one bucket: its first and a few right before, lest one costs its square."""
        cursor = self._table.execute("SELECT bucket, number FROM buckets ORDER BY bucket, number")
        for _, members in groupby(cursor, key=itemgetter(0)):
            recent: deque[int] = deque(maxlen=_NEIGHBOURS)
            first: int | None = None
            for _, number in members:
                for other in {*recent, *([] if first is None else [first])}:
                    yield number, other
                recent.append(number)
                first = number if first is None else first

    def _words(self, number: int) -> set[str]:
        (text,) = self._table.execute("SELECT words FROM rows WHERE number = ?", (number,)).fetchone()
        return set(json.loads(text))


def _signatures() -> Callable[[Sequence[Sequence[str]]], Any]:
    from rensa import RMinHash  # noqa: PLC0415 not on every platform

    return lambda words: RMinHash.digest_matrix_from_token_sets(words, _PERMUTATIONS, _SEED).to_rows()


def _buckets(digest: Sequence[int]) -> Iterator[int]:
    """One a band, and one for the whole, so that equal texts always meet."""
    for first in range(0, _PERMUTATIONS, _BAND):
        yield hash((first, *digest[first : first + _BAND]))
    yield hash(tuple(digest))


def _languages() -> Callable[[Iterable[Message]], str]:
    """Which language a row is in; empty where that cannot be told."""
    from py3langid import langid  # noqa: PLC0415 seconds

    identifier = langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)

    def language(messages: Iterable[Message]) -> str:
        text = " ".join(str(m["content"]) for m in messages if m["role"] != "system")[:_LANGUAGE_TEXT]
        if sum(letter.isalpha() for letter in text) < _LEAST_LETTERS:
            return ""
        code, sureness = identifier.classify(text)
        return str(code) if sureness >= _SURE else ""

    return language


def check(data: Path, target: Path, progress: Callable[[int], None]) -> None:
    """Raises OSError and ModuleNotFoundError; `target` appears whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f"{target.name}.") as folder:
        partial = Path(folder) / target.name
        with closing(sqlite3.connect(partial, isolation_level=None)) as table:
            table.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _TABLES)
            Checking(table, progress).run(data)
        os.replace(partial, target)


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)


def main() -> None:
    network.obey_environment()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    data, target = map(Path, sys.argv[1:])
    check(data, target, lambda rows: print(rows, flush=True))  # noqa: T201
    sys.stdout.flush()
    os._exit(0)  # not through the interpreter's end: a thread waits for stdin


if __name__ == "__main__":
    main()
