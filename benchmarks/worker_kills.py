"""Kill the inference process at random moments and see that the app goes on: `--rounds 20 --seed 1`.

Each round asks, kills the process after a random time (while it starts, loads, generates or rests), and then
wants the same answer as at the start. Fails if an error is not a sentence, or an answer differs.
"""

import argparse
import os
import random
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

from app.adapters.worker_engine import WorkerEngine
from app.domain.chat import Sampling
from app.domain.errors import EngineError
from app.domain.talkers import LoadableModel

ROOT = Path(__file__).resolve().parents[1]
MODEL = LoadableModel("tiny", str(ROOT / "assets/tiny-model"), str(ROOT / "assets/tiny-model"), offline=True)
SHORT = Sampling(temperature=0.0, max_new_tokens=16)
LONG = Sampling(temperature=0.0, max_new_tokens=1500, repetition_penalty=1.0, guard_repetition=False)
QUESTION = [{"role": "user", "content": "Which harbour does Saltby have?"}]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    dice = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as logs:
        engine = WorkerEngine(log_dir=Path(logs))
        expected = "".join(engine.generate(MODEL, QUESTION, SHORT))
        for number in range(arguments.rounds):
            print(f"round {number + 1}: {_round(engine, dice)}")
            found = "".join(engine.generate(MODEL, QUESTION, SHORT))
            assert found == expected, f"{found!r} instead of {expected!r}"
        engine.unload()
    print(f"{arguments.rounds} rounds, every answer as before")


def _round(engine: WorkerEngine, dice: random.Random) -> str:
    """What the one who asked was told."""
    if dice.random() < 0.5:
        engine.unload()  # so that it is killed while it starts or loads
    told: list[str] = []

    def ask() -> None:
        try:
            for _ in engine.generate(MODEL, QUESTION, LONG):
                pass
        except EngineError as error:
            told.append(error.message)
        else:
            told.append("answered before")

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(dice.uniform(0, 4))
    if engine.pid is not None:
        with suppress(ProcessLookupError):
            os.kill(engine.pid, 9)
    thread.join(60)
    assert told, "the one who asked still waits"
    return told[0]


if __name__ == "__main__":
    main()
