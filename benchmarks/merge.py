"""How fast sessions are merged, next to the same merge in plain Python, and whether it stays flat.

    python benchmarks/merge.py [--rows 100000]          two sessions, exact duplicates removed: CPU time
    python benchmarks/merge.py --large 5000000          two sessions of so many rows: memory, cost per row
    python benchmarks/merge.py --near 1000000           near duplicates among so many rows

The reference reads both sessions through the store into lists and dictionaries, keeps the first of equal
rows, notes where each is from, and stores the result. Both make the same session (the content hashes are
compared), in turn, three times, each in a process of its own whose CPU time, threads and children included,
is what counts; the best of each.
"""

import argparse
import json
import multiprocessing
import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.adapters.environment_secrets import EnvironmentSecrets
from app.adapters.merged_files import MergedFiles
from app.adapters.merging.engine import SqliteMergeEngine
from app.adapters.processes import SystemProcesses
from app.adapters.row_sources import RowSources
from app.adapters.sqlite.engine import open_database
from app.adapters.sqlite.merges import SqliteMergeStore
from app.adapters.sqlite.sessions import SqliteSessionStore
from app.domain.merging import MergeProgress, MergeRecipe, MergeSource
from app.services.merging import MergeService
from trainer_image.rows import Row

ROUNDS = 3


def rows(first: int, count: int) -> Iterator[Row]:
    """Conversations of about 400 characters, as instruction data has them."""
    for n in range(first, first + count):
        question = {"role": "user", "content": f"When does ferry number {n} leave the north pier? " * 2}
        answer = {"role": "assistant", "content": f"Ferry {n} leaves at {n % 24:02d}:15 from pier two. " * 5}
        yield Row(n - first + 1, (question, answer))


def varied(count: int) -> Iterator[Row]:
    """Rows of 60 words; each tenth is an earlier one with a word changed."""
    dice, words = random.Random(1), [f"w{n}" for n in range(20_000)]
    last: list[str] = []
    for n in range(count):
        if n % 10 == 9:
            said = [*last[:30], "changed", *last[31:]]
        else:
            said = last = dice.choices(words, k=60)
        question = {"role": "user", "content": " ".join(said[:20])}
        yield Row(n + 1, (question, {"role": "assistant", "content": " ".join(said[20:])}))


def store(folder: Path) -> SqliteSessionStore:
    return SqliteSessionStore(open_database(folder / "tunewright.db"), SystemProcesses())


def service(folder: Path) -> MergeService:
    database, processes = open_database(folder / "tunewright.db"), SystemProcesses()
    engine = SqliteMergeEngine(database, processes, folder / "merging")
    return MergeService(
        SqliteSessionStore(database, processes),
        RowSources(),
        SqliteMergeStore(database),
        engine,
        MergedFiles(),
        EnvironmentSecrets(),
        lambda: datetime.now(UTC),
    )


def recipe(**rules: Any) -> MergeRecipe:
    sources = (MergeSource(session="a"), MergeSource(session="b"))
    return MergeRecipe(name="merged", sources=sources, **{"conflicts": "off", **rules})


def ours(folder: Path) -> None:
    service(folder).to_session(recipe())


def plain(folder: Path) -> None:
    sessions = store(folder)
    kept: dict[str, Row] = {}
    for name in ("a", "b"):
        session = sessions.find(name)
        for row in list(sessions.rows(session.id)):
            origin = {
                "name": name, "version": session.content_hash, "session": session.id, "row": row.position + 1,
            }  # fmt: skip
            meta = {**row.meta, "merged_from": origin}
            kept.setdefault(json.dumps(row.messages), Row(row.source_line, row.messages, meta))
    sessions.add("merged", "Merge of 2 sources", iter(kept.values()))


def measured(work: Callable[[Path], None], folder: Path) -> dict[str, float]:
    """CPU seconds, seconds and the peak of memory of `work` in a new process."""
    ours_end, its_end = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_measure, args=(work, folder, its_end))
    process.start()
    its_end.close()
    found: dict[str, float] = ours_end.recv()
    process.join()
    return found


def _measure(work: Callable[[Path], None], folder: Path, told: Any) -> None:
    cpu, clock = _cpu(), time.perf_counter()
    work(folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told.send({"cpu": _cpu() - cpu, "seconds": time.perf_counter() - clock, "peak_mb": peak})


def _cpu() -> float:
    """Of this process with all its threads, and of its children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def compare(folder: Path, count: int) -> None:
    sessions = store(folder)
    sessions.add("a", "benchmark", rows(0, count))
    sessions.add("b", "benchmark", rows(count // 2, count))
    times: dict[str, list[float]] = {"ours": [], "plain": []}
    hashes = set()
    for _ in range(ROUNDS):
        for name, work in (("ours", ours), ("plain", plain)):
            times[name].append(measured(work, folder)["cpu"])
            made = sessions.find("merged")
            first = next(iter(sessions.rows(made.id, start=count, limit=1)))
            hashes.add((made.content_hash, json.dumps(dict(first.meta))))
            sessions.delete(made.id)
    assert len(hashes) == 1, "the two merges differ"
    best = {name: min(found) for name, found in times.items()}
    print(f"merge of 2 x {count:,} rows: {best['ours']:.2f} s of CPU")
    print(f"the same in plain Python:    {best['plain']:.2f} s of CPU")
    print(f"ratio:                       {best['ours'] / best['plain']:.2f}")


def large(folder: Path, count: int) -> None:
    """The same at a tenth of the size shows whether a row's cost is flat."""
    for part in (count // 10, count):
        sessions = store(folder)
        for name, first in (("a", 0), ("b", part // 2)):
            sessions.add(name, "benchmark", rows(first, part))
        found = measured(ours, folder)
        out = sessions.find("merged").row_count
        print(
            f"2 x {part:,} rows, {out:,} out: {found['seconds']:.0f} s, {found['peak_mb']:.0f} MB at most, "
            f"{found['cpu'] / (2 * part) * 1e6:.1f} us of CPU and "
            f"{found['seconds'] / (2 * part) * 1e6:.1f} us a row"
        )
        for path in folder.glob("tunewright.db*"):
            path.unlink()


def near(folder: Path, count: int) -> None:
    sessions = store(folder)
    half = count // 2
    every = varied(count)
    for name in ("a", "b"):
        sessions.add(name, "benchmark", (row for row, _ in zip(every, range(half), strict=False)))
    found = measured(find_near, folder)
    removed = sum(m.result.ledger.removed("near_duplicate") for m in service(folder).saved() if m.result)
    print(
        f"near duplicates among {count:,} rows: {found['seconds']:.0f} s, {found['peak_mb']:.0f} MB at most, "
        f"{removed:,} of {count // 10:,} planted ones removed"
    )


def find_near(folder: Path) -> None:
    def watch(progress: MergeProgress) -> None:
        del progress

    service(folder).to_session(recipe(near_duplicates=True), watch=watch)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--large", type=int, default=0)
    parser.add_argument("--near", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=".") as name:
        folder = Path(name)
        if args.large:
            large(folder, args.large)
        elif args.near:
            near(folder, args.near)
        else:
            compare(folder, args.rows)


if __name__ == "__main__":
    main()
