"""How fast a session is stored, next to the least SQLite could do for the same rows.

    python benchmarks/store.py [--rows 100000]

The reference is a bare `executemany` of the same finished text into the same table in one transaction: no
JSON, no hashes, no batches, everybody else locked out. Both run in turn, three times; the best counts.
"""

import argparse
import json
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from app.adapters.processes import SystemProcesses
from app.adapters.sqlite.engine import open_database
from app.adapters.sqlite.sessions import SqliteSessionStore
from trainer_image.rows import Row

ROUNDS = 3


def rows(count: int) -> Iterator[Row]:
    """Conversations of about 400 characters, as instruction data has them."""
    for n in range(count):
        question = {"role": "user", "content": f"When does ferry number {n} leave the north pier? " * 2}
        answer = {"role": "assistant", "content": f"Ferry {n} leaves at {n % 24:02d}:15 from pier two. " * 5}
        yield Row(n + 1, (question, answer))


def store(folder: Path, count: int) -> float:
    engine = open_database(folder / "ours.db")
    sessions = SqliteSessionStore(engine, SystemProcesses())
    made = list(rows(count))
    started = time.perf_counter()
    sessions.add("benchmark", "benchmark", iter(made))
    elapsed = time.perf_counter() - started
    engine.dispose()
    return elapsed


def bare(folder: Path, count: int) -> float:
    path = folder / "bare.db"
    open_database(path).dispose()
    made = [
        (1, n, row.line, json.dumps(row.messages, ensure_ascii=False), b"0" * 32)
        for n, row in enumerate(rows(count))
    ]
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous = NORMAL")
    started = time.perf_counter()
    with connection:
        connection.executemany(
            "INSERT INTO session_rows (session, position, source_line, messages, content_hash)"
            " VALUES (?, ?, ?, ?, ?)",
            made,
        )
    elapsed = time.perf_counter() - started
    connection.close()
    return elapsed


def timed(measure: Callable[[Path, int], float], count: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        return measure(Path(folder), count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    count = parser.parse_args().rows
    rounds = [(timed(store, count), timed(bare, count)) for _ in range(ROUNDS)]
    ours, reference = (min(times) for times in zip(*rounds, strict=True))
    print(f"session store:     {count / ours:>9,.0f} rows/s")
    print(f"bare executemany:  {count / reference:>9,.0f} rows/s")
    print(f"ratio of times:    {ours / reference:>9.2f}")


if __name__ == "__main__":
    main()
