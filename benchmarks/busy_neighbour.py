"""Training on a processor beside one other busy program, against the same training alone.

    python benchmarks/busy_neighbour.py [--steps 20] [--without]

The bundled model learns the sample: once alone, once beside a process that keeps one core busy, as a browser
that draws does. Prints the median time of a step of both and their ratio. `--without`, for comparison: the
threads of PyTorch spin while they wait for each other, which OpenMP does by itself and the trainer turns off.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "assets/sample/ferry-help-desk.jsonl"
TOLD = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
"""What the trainer takes from the environment instead of deciding it."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--without", action="store_true", help="let threads spin while they wait")
    args = parser.parse_args()
    environment = {name: value for name, value in os.environ.items() if name not in TOLD}
    if args.without:
        environment["OMP_WAIT_POLICY"] = "active"
    alone = step_ms(args.steps, environment)
    with busy_process():
        beside = step_ms(args.steps, environment)
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    print(f"{args.steps} steps on {cores} cores: alone {alone:.0f} ms, beside a busy process {beside:.0f} ms")
    print(f"ratio {beside / alone:.2f}")


@contextmanager
def busy_process() -> Iterator[None]:
    """In a session of its own, as a program that a person started."""
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True)
    try:
        yield
    finally:
        busy.kill()
        busy.wait()


def step_ms(steps: int, environment: dict[str, str]) -> float:
    """The median time between two steps of a run."""
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        (folder / "data").mkdir()
        shutil.copy(SAMPLE, folder / "data/train.jsonl")
        config = {
            "base_model": str(ROOT / "assets/tiny-model"),
            "method": {"kind": "lora"},
            "max_steps": steps,
            "per_device_batch_size": 2,
            "offline": True,
        }
        (folder / "config.json").write_text(json.dumps(config))
        command = [sys.executable, ROOT / "trainer_image/train.py", "--run-dir", folder]
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    times = [event["time"] for event in events if event["type"] == "metrics"]
    return 1000 * statistics.median(after - before for before, after in pairwise(times))


if __name__ == "__main__":
    main()
