"""What packing gains on rows of very different lengths: steps a second with and without it, on this CPU.

    OMP_NUM_THREADS=1 python benchmarks/packing.py [--rows N] [--max-seq-len N]

Lengths are log-normal, as in chat data: most rows are short, a few fill the longest sequence. The model is
random and small (4 layers of 192); all ways see the same rows in the same steps and have the same losses.
"""

import argparse
import contextlib
import io
import json
import random
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.trainer import tiny  # noqa: E402
from trainer_image import train  # noqa: E402
from trainer_image.events import Metrics, Rows  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=192)
    parser.add_argument("--max-seq-len", type=int, default=256)
    parser.add_argument("--batch", type=int, default=16, help="effective batch, in examples")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        model = tiny.save_model(Path(place) / "model", hidden_size=192, layers=4)
        lines = skewed(args.rows)
        print(f"{'':24}{'tokens/s':>10}{'s in all':>10}{'first loss':>12}{'last loss':>12}")
        for micro in (args.batch, 4, 1):
            show(f"padded, {micro} to a batch", trained(Path(place), model, lines, args, micro=micro))
        show("packed", trained(Path(place), model, lines, args, micro=4, packing=True))


def skewed(count: int) -> list[str]:
    chance = random.Random(0)
    words = [max(2, min(70, round(chance.lognormvariate(2.2, 1.0)))) for _ in range(count)]
    return [
        json.dumps({"prompt": f"What is {n}?", "completion": " ".join(["so"] * length)})
        for n, length in enumerate(words)
    ]


def trained(
    place: Path, model: Path, lines: list[str], args: argparse.Namespace, **how: object
) -> list[Metrics]:
    folder = Path(tempfile.mkdtemp(dir=place)) / "run"
    micro = int(str(how.pop("micro")))
    tiny.make_run(
        folder,
        model,
        lines=lines,
        num_epochs=1,
        per_device_batch_size=micro,
        gradient_accumulation_steps=args.batch // micro,
        max_seq_len=args.max_seq_len,
        save_steps=10**6,
        validation="off",
        learning_rate=1e-3,
        **how,
    )
    with contextlib.redirect_stdout(io.StringIO()) as log:
        code = train.main(["--run-dir", str(folder)])
    assert code == 0, log.getvalue()
    ran = tiny.Ran(folder, code, "")
    buckets = ran.of(Rows)[0].buckets
    assert buckets == {"trained": len(lines)}, f"--max-seq-len {args.max_seq_len} is too short: {buckets}"
    return ran.of(Metrics)


def show(name: str, metrics: list[Metrics]) -> None:
    steady = metrics[1:]  # the first step warms up
    tokens = steady[-1].tokens_seen - metrics[0].tokens_seen
    seconds = steady[-1].elapsed_seconds - metrics[0].elapsed_seconds
    last = statistics.fmean(m.loss for m in steady[-3:])
    print(f"{name:24}{tokens / seconds:>10.0f}{seconds:>10.1f}{metrics[0].loss:>12.4f}{last:>12.4f}")


if __name__ == "__main__":
    main()
