"""How soon rows of a large session are on the screen: any page, and the first page of hits; and what an edit
and the search index cost.

    python benchmarks/session_pages.py [--rows 1000000] [--keep FOLDER]

The reference for pages is a bare `SELECT … LIMIT 25` from the place, with the rows' JSON read, on the same
file in the same run, in turn; for searching, what SQLite needs to look at row after row for the same word.
`--keep` leaves the database in a folder and uses it again: making it takes most of the time.
"""

import argparse
import json
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from app.adapters.processes import SystemProcesses
from app.adapters.sqlite.engine import open_database
from app.adapters.sqlite.sessions import SqliteSessionStore
from app.domain.finding import RowFilter
from app.domain.sessions import Session
from app.services.editing import EditingService
from trainer_image.rows import Row

PAGE = 25
ROUNDS = 200
SEARCHES = 30


def vocabulary() -> list[str]:
    """Twenty thousand words that look like words."""
    dice = random.Random(1)
    parts = [c + v for c in "bdfghklmnprstvw" for v in ("a", "e", "i", "o", "u", "ea", "ou")]
    return ["".join(dice.choices(parts, k=dice.randint(1, 4))) for _ in range(20_000)]


def rows(count: int) -> Iterator[Row]:
    """Conversations of about 400 characters, common words far more often than rare ones (Zipf)."""
    dice, words = random.Random(2), vocabulary()
    weights = [1 / (n + 1) for n in range(len(words))]
    pool = dice.choices(words, weights, k=1_000_000)
    for n in range(count):
        at = dice.randrange(len(pool) - 80)
        question = {"role": "user", "content": " ".join(pool[at : at + 20]) + "?"}
        answer = {"role": "assistant", "content": " ".join(pool[at + 20 : at + 70]) + f", number {n}."}
        yield Row(n + 1, (question, answer))


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def said(name: str, times: list[float], reference: list[float] | None = None) -> float:
    times, middle = sorted(times), statistics.median(times)
    line = f"{name:<44} median {middle:8.2f} ms   p95 {times[int(len(times) * 0.95)]:8.2f} ms"
    if reference:
        line += f"   ratio {middle / statistics.median(reference):6.2f}"
    print(line)
    return middle


def pages(store: SqliteSessionStore, session: Session, path: Path) -> None:
    bare = sqlite3.connect(path)
    dice = random.Random(3)
    number = bare.execute("SELECT number FROM sessions WHERE id = ?", (session.id,)).fetchone()[0]

    def reference(start: int) -> list[object]:
        query = "SELECT messages FROM session_rows WHERE session = ? AND position >= ? LIMIT 25"
        return [json.loads(text) for (text,) in bare.execute(query, (number, start))]

    ours, theirs = [], []
    for n in range(ROUNDS):
        start = 0 if n == 0 else dice.randrange(session.row_count)
        ours.append(timed(lambda start=start: list(store.rows(session.id, start=start, limit=PAGE))))
        theirs.append(timed(lambda start=start: reference(start)))
    print(f"first page: {ours[0]:.2f} ms")
    said("bare SELECT … LIMIT 25, any place", theirs)
    said("a page at any place", ours, theirs)
    bare.close()


def searches(store: SqliteSessionStore, session: Session, path: Path) -> None:
    dice, words = random.Random(5), vocabulary()
    kinds = {
        "frequent": [word for word in dict.fromkeys(words[:400]) if len(word) > 2][:SEARCHES],
        "rare": [f"number {dice.randrange(session.row_count)}." for _ in range(SEARCHES)],
        "absent": [f"zzq{word}" for word in words[:SEARCHES]],
    }
    bare = sqlite3.connect(path)
    query = "SELECT position FROM session_rows WHERE session = 1 AND instr(messages, ?) LIMIT 25"
    for kind, texts in kinds.items():
        ours = [timed(lambda t=t: store.find_rows(session.id, RowFilter(text=t), limit=PAGE)) for t in texts]
        theirs = [timed(lambda t=t: bare.execute(query, (t,)).fetchall()) for t in texts[:3]]
        said(f"first page of hits, {kind} words", ours, theirs)
        said("  row after row in SQLite", theirs)
    bare.close()


def edits(store: SqliteSessionStore, session: Session, path: Path) -> None:
    editing, dice = EditingService(store), random.Random(6)
    answer = ({"role": "user", "content": "New?"}, {"role": "assistant", "content": "Yes."})
    for name, places in {
        "first change (hashes all rows)": [session.row_count // 2],
        "change of one row at any place": [dice.randrange(session.row_count) for _ in range(5)],
        "change of one of the last rows": [session.row_count - 10] * 5,
    }.items():
        times = []
        for place in places:
            base = store.get(session.id)
            times.append(timed(lambda base=base, place=place: editing.edit_row(base, place, answer)))
        said(name, times)
    with sqlite3.connect(path) as bare:
        stored = bare.execute("SELECT count(*) FROM session_rows").fetchone()[0]
    print(f"rows stored beyond the import: {stored - session.row_count}")
    pages(store, store.get(session.id), path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure((args.keep or Path(folder)) / "tunewright.db", args.rows)


def measure(path: Path, count: int) -> None:
    engine = open_database(path)
    store = SqliteSessionStore(engine, SystemProcesses())
    session = next(iter(store.all()), None)
    if session is None:
        started = time.perf_counter()
        session = store.add("benchmark", "benchmark", rows(count))
        print(f"{count:,} rows made and stored in {time.perf_counter() - started:.0f} s")
    if not store.search_state(session.id).is_ready:
        started = time.perf_counter()
        store.make_search_index(session.id, lambda _: None)
        print(f"search index made in {time.perf_counter() - started:.0f} s")
    engine.dispose()
    index = path.with_name("tunewright-search.db")
    print(f"database {path.stat().st_size / 1e6:,.0f} MB, search index {index.stat().st_size / 1e6:,.0f} MB")
    pages(store, session, path)
    searches(store, session, path)
    edits(store, session, path)
    engine.dispose()


if __name__ == "__main__":
    main()
