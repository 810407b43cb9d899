"""Rows per second from a JSONL file of chats to a session in the database; a plain Python import beside it.

    python benchmarks/import_rows.py [ROWS]

The other side does what a short script does: `json.loads` on each line, `json.dumps` of its messages and
`executemany` into a fresh SQLite file; it checks nothing and keeps no hashes. Both run in turns, three times.
"""

import json
import resource
import sqlite3
import statistics
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

from app.adapters.environment_secrets import EnvironmentSecrets
from app.adapters.processes import SystemProcesses
from app.adapters.row_sources import RowSources
from app.adapters.sqlite.engine import open_database
from app.adapters.sqlite.sessions import SqliteSessionStore
from app.adapters.sqlite.settings import SqliteSettingsStore
from app.services.library import LibraryService

ROUNDS = 3


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = write_chats(folder / "chats.jsonl", rows)
        ours, plain = [], []
        for number in range(ROUNDS):
            ours.append(rows / timed(lambda n=number: import_ours(file, folder / f"ours-{n}.db")))
            plain.append(rows / timed(lambda n=number: import_plainly(file, folder / f"plain-{n}.db")))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{rows:,} rows of {file_size(rows)}")
    print(f"Tunewright   {statistics.median(ours):>10,.0f} rows/s   (best {max(ours):,.0f})")
    print(f"plain Python {statistics.median(plain):>10,.0f} rows/s   (best {max(plain):,.0f})")
    print(f"ratio        {statistics.median(ours) / statistics.median(plain):>10.2f}")
    print(f"peak memory  {peak:>10,} MB")


def file_size(rows: int) -> str:
    return f"{len(json.dumps(chat(rows))) + 1} bytes"


def chat(n: int) -> dict:
    return {
        "messages": [
            {"role": "user", "content": f"Does ferry {n} run today, and when does it leave the harbour?"},
            {
                "role": "assistant",
                "content": f"Ferry {n} leaves at nine, from the second pier, but on Sundays",
            },
        ]
    }


def write_chats(path: Path, rows: int) -> Path:
    with path.open("w") as file:
        file.writelines(json.dumps(chat(n)) + "\n" for n in range(rows))
    return path


def import_ours(file: Path, database: Path) -> None:
    engine = open_database(database)
    store = SqliteSessionStore(engine, SystemProcesses())
    library = LibraryService(store, RowSources(), SqliteSettingsStore(engine), EnvironmentSecrets(), file)
    library.import_file(file, progress=lambda _: None)
    engine.dispose()


def import_plainly(file: Path, database: Path) -> None:
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE rows (position INTEGER PRIMARY KEY, messages TEXT)")
    with file.open() as lines:
        numbered = enumerate(json.dumps(json.loads(line)["messages"]) for line in lines)
        while batch := list(islice(numbered, 2000)):
            with connection:
                connection.executemany("INSERT INTO rows VALUES (?, ?)", batch)
    connection.close()


def timed(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
