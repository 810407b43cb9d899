"""Whether loading and letting go again and again keeps memory: 50 cycles in one inference process.

    python benchmarks/reload_memory.py [--cycles 50] [--model FOLDER]

Two models take each other's place, each answers once. Prints the process's resident memory and fails if it
grew by more than a twentieth of what the weights of all cycles together are.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import psutil

from app.adapters.worker_engine import WorkerEngine
from app.domain.chat import Sampling
from app.domain.talkers import LoadableModel

ROOT = Path(__file__).resolve().parents[1]
SAMPLING = Sampling(temperature=0.0, max_new_tokens=8)
WARM_UP = 10
"""Cycles in which libraries fill their caches."""


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder) / "other"
        shutil.copytree(arguments.model, other)
        engine = WorkerEngine(log_dir=Path(folder))
        used = [_cycle(engine, arguments.model if n % 2 else other) for n in range(arguments.cycles)]
        engine.unload()
    weights = (
        sum(file.stat().st_size for file in arguments.model.glob("*.safetensors")) * 2
    )  # read as float32
    grown, limit = used[-1] - used[WARM_UP], weights * (arguments.cycles - WARM_UP) / 20
    for n in range(0, arguments.cycles, 5):
        print(f"cycle {n + 1:3d}  {used[n] / 2**20:8.1f} MB")
    print(
        f"grown by {grown / 2**20:.1f} MB after the first {WARM_UP}; "
        f"the weights are {weights / 2**20:.1f} MB each time"
    )
    if grown > limit:
        sys.exit(f"more than {limit / 2**20:.1f} MB")


def _cycle(engine: WorkerEngine, model: Path) -> int:
    loadable = LoadableModel(model.name, str(model), str(model), offline=True)
    list(engine.generate(loadable, [{"role": "user", "content": "Hello"}], SAMPLING))
    assert engine.pid is not None
    return int(psutil.Process(engine.pid).memory_info().rss)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=ROOT / "assets" / "tiny-model")
    parser.add_argument("--cycles", type=int, default=50)
    return parser.parse_args()


if __name__ == "__main__":
    main()
