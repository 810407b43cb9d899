"""How fast rows become tokens, and how much memory that takes, against `datasets.map` in the same run.

    python benchmarks/tokenise.py [--rows N …] [--ways WAY …] [--model FOLDER]

Made-up conversations of some sixty tokens are read from a file and tokenised with their masks, each way in a
process of its own, from the start to rows whose content is hashed, as a run does before its model is loaded.

    ours     as a run does it: worker processes, files
    again    the same once more: from the cache
    one      one process, no workers
    map      datasets.map with as many processes and the template's own mask: tokens and mask only; no check
             of the rows, no duplicates found, no ledger

Without a model's folder the tests' small tokenizer is used.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.trainer import tiny  # noqa: E402
from trainer_image.config import ROWS_CACHE_VARIABLE, RunConfig  # noqa: E402
from trainer_image.preparing import rows_of_run  # noqa: E402
from trainer_image.reporting import SilentReporter  # noqa: E402
from trainer_image.workers import worker_count  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[50_000])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=["ours", "again", "one", "map"])
    parser.add_argument("--model", help="folder or Hub name of a model whose tokenizer and template to use")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        measure(args.ways[0], args.measure, tokenizer(args.model))
        return
    print(f"{worker_count()} processors")
    for count in args.rows:
        with tempfile.TemporaryDirectory() as place:
            write(Path(place), count)
            for way in args.ways:
                in_own_process(way, Path(place), count, args.model)


def in_own_process(way: str, place: Path, count: int, model: str | None) -> None:
    command = [sys.executable, __file__, "--ways", way, "--measure", str(place)]
    command += ["--model", model] if model else []
    own = {ROWS_CACHE_VARIABLE: str(place / ("alone" if way == "one" else "cache"))}
    printed = subprocess.run(
        command, check=True, capture_output=True, text=True, env={**os.environ, **own}
    ).stdout
    found = json.loads(printed.splitlines()[-1])
    grown = found["peak_mb"] - found["before_mb"]
    print(
        f"{count:>9,} rows  {way:<6}{found['seconds']:7.1f} s  {count / found['seconds']:8,.0f} rows/s, "
        f"{found['cpu_seconds']:.1f} s of processor   "
        f"peak {found['peak_mb']:.0f} MB, {grown:+.0f} for the rows; a helper {found['helper_mb']:.0f} MB"
        + found["more"],
        flush=True,
    )


def measure(way: str, place: Path, words: Any) -> None:
    before, started, cpu = peak_mb(), time.perf_counter(), cpu_seconds()
    more = WAYS[way](place, words)
    found = {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": cpu_seconds() - cpu,
        "before_mb": before,
        "peak_mb": peak_mb(),
        "helper_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
        "more": more() if more else "",
    }
    print(json.dumps(found))


def ours(place: Path, words: Any) -> Callable[[], str]:
    return as_a_run_does(place, words, workers=None)


def one(place: Path, words: Any) -> Callable[[], str]:
    return as_a_run_does(place, words, workers=1)


def as_a_run_does(place: Path, words: Any, *, workers: int | None) -> Callable[[], str]:
    rows = rows_of_run(RunConfig(base_model="x"), place, words, SilentReporter(), workers=workers)
    rows.sha256()

    def after_an_epoch() -> str:
        order = list(range(len(rows.input_ids)))
        random.Random(0).shuffle(order)
        anonymous = now_mb("RssAnon")
        for row in order:
            rows.input_ids[row], rows.labels[row]
        grown = now_mb("RssAnon") - anonymous
        return f"; an epoch in random order {grown:+.0f} MB, and {now_mb('RssFile'):.0f} MB of mapped files"

    return after_an_epoch


def by_map(place: Path, words: Any) -> None:
    import datasets  # noqa: PLC0415 half a second

    datasets.disable_progress_bars()
    rows = datasets.Dataset.from_json(
        str(place / "data" / "train.jsonl"), cache_dir=str(place / "hub"), keep_in_memory=False
    )

    def encode(row: dict[str, str]) -> dict[str, Any]:
        chat = [
            {"role": "user", "content": row["prompt"]},
            {"role": "assistant", "content": row["completion"]},
        ]
        made = words.apply_chat_template(
            chat, tokenize=True, return_dict=True, return_assistant_tokens_mask=True
        )
        return {"input_ids": made["input_ids"], "assistant_masks": made["assistant_masks"]}

    rows.map(encode, num_proc=worker_count(), remove_columns=rows.column_names)


WAYS: dict[str, Callable[[Path, Any], Callable[[], str] | None]] = {
    "ours": ours,
    "again": ours,
    "one": one,
    "map": by_map,
}


def write(folder: Path, count: int) -> None:
    (folder / "data").mkdir()
    with (folder / "data" / "train.jsonl").open("w", encoding="utf-8") as file:
        for n in range(count):
            answer = f"The river number {n} runs through the valley of {n * 7}, and then to the sea."
            file.write(json.dumps({"prompt": f"Where does river {n} run?", "completion": answer}) + "\n")


def tokenizer(model: str | None) -> Any:
    if model is None:
        return tiny.tokenizer()
    from transformers import AutoTokenizer  # noqa: PLC0415

    return AutoTokenizer.from_pretrained(model)


def cpu_seconds() -> float:
    """Of this process and its helpers: what another program on the same computer hardly changes."""
    return sum(os.times()[:4])


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def now_mb(name: str) -> float:
    """A line of Linux's /proc/self/status."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith(f"{name}:")).split()[1]) / 1024


if __name__ == "__main__":
    main()
