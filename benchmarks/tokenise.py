"""How fast rows become tokens, and how much memory that takes: rows/s and peak RSS, in one process.

    python benchmarks/tokenise.py [--rows N] [--model FOLDER]

Reads made-up conversations of a hundred tokens or so from a file, as a run does, up to the dataset the loop
trains on. Without a model's folder the tests' small tokenizer is used.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.trainer import tiny  # noqa: E402
from trainer_image.config import RunConfig  # noqa: E402
from trainer_image.preparing import rows_of_run  # noqa: E402
from trainer_image.reporting import SilentReporter  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--model", help="folder or Hub name of a model whose tokenizer and template to use")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        write(Path(place), args.rows)
        words = tokenizer(args.model)
        before, started = peak_mb(), time.perf_counter()
        rows = rows_of_run(RunConfig(base_model="x"), Path(place), words, SilentReporter())
        seconds = time.perf_counter() - started
    tokens = sum(map(len, rows.input_ids))
    print(
        f"{args.rows} rows, {tokens / len(rows.input_ids):.0f} tokens each: {args.rows / seconds:.0f} rows/s"
    )
    print(f"peak memory {peak_mb():.0f} MB, {before:.0f} MB of it before the first row")


def write(folder: Path, count: int) -> None:
    (folder / "data").mkdir()
    with (folder / "data" / "train.jsonl").open("w", encoding="utf-8") as file:
        for n in range(count):
            answer = f"The river number {n} runs through the valley of {n * 7}, and then to the sea."
            file.write(json.dumps({"prompt": f"Where does river {n} run?", "completion": answer}) + "\n")


def tokenizer(model: str | None) -> object:
    if model is None:
        return tiny.tokenizer()
    from transformers import AutoTokenizer  # noqa: PLC0415

    return AutoTokenizer.from_pretrained(model)


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
