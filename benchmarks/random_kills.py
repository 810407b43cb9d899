"""Kill a run at random moments and resume it, again and again: `--kills 6 --seed 1 [--to FILE]`.

For LoRA, all weights and OSFT: one run that is left alone, and one that gets SIGKILL while it loads, in a
step, and while a checkpoint is written; every loss of every attempt and the final weights must be those of
the first. Real processes of `train.py` on a tiny model; fails on the first number that differs.
"""

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.trainer import tiny
from trainer_image.events import Metrics, Started

METHODS: Final[dict[str, dict[str, Any]]] = {
    "LoRA": {"kind": "lora", "lora_r": 16, "lora_dropout": 0.1},
    "SFT": {"kind": "sft"},
    "OSFT": {"kind": "osft", "unfreeze_rank_ratio": 0.5},
}
SETTINGS: Final = {"num_epochs": 100, "save_steps": 3, "keep_checkpoints": 2}


@dataclass
class Tally:
    """What became of one method's run."""

    steps: list[int] = field(default_factory=list)
    """The last step that each killed attempt had reported."""
    while_loading: int = 0
    while_writing: int = 0
    """Kills that left a half written checkpoint behind."""
    repeated: int = 0
    """Steps that were computed more than once."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=6, help="of each method's run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--to", type=Path, help="a Markdown file that gets the table")
    arguments = parser.parse_args()
    dice = random.Random(arguments.seed)
    found: dict[str, Tally] = {}
    with tempfile.TemporaryDirectory() as name:
        model = tiny.save_model(Path(name) / "model")
        for method in arguments.methods:
            found[method] = _campaign(Path(name) / method, model, METHODS[method], arguments.kills, dice)
            print(_line(method, found[method]), flush=True)
    if arguments.to:
        lines = "\n".join(_line(method, tally) for method, tally in found.items())
        arguments.to.write_text(f"{_HEAD}\n{lines}\n", encoding="utf-8")


_HEAD: Final = (
    "| | kills | while loading | while writing a checkpoint | last step of each | steps computed twice |\n"
    "|---|---|---|---|---|---|"
)


def _line(method: str, tally: Tally) -> str:
    steps = ", ".join(map(str, tally.steps))
    counts = f"{len(tally.steps)} | {tally.while_loading} | {tally.while_writing}"
    return f"| {method} | {counts} | {steps} | {tally.repeated} |"


def _campaign(folder: Path, model: Path, method: dict[str, Any], kills: int, dice: random.Random) -> Tally:
    whole = tiny.run(tiny.make_run(folder / "whole", model, method=method, **SETTINGS))
    assert whole.code == 0, whole.log
    run, tally = tiny.make_run(folder / "killed", model, method=method, **SETTINGS), Tally()
    while len(tally.steps) < kills:
        if _attempt(run, dice, tally):  # it had come to its end before: once more from the beginning
            _compare(tiny.Ran(run, 0, ""), whole)
            shutil.rmtree(run)
            tiny.make_run(run, model, method=method, **SETTINGS)
    ran = tiny.run(run, "--resume")
    assert ran.code == 0, ran.log
    _compare(ran, whole)
    tally.repeated += len(ran.of(Metrics)) - len(tiny.losses(ran))
    return tally


def _attempt(run: Path, dice: random.Random, tally: Tally) -> bool:
    """Start or resume it and kill it at some moment; whether it ended by itself before that."""
    began = (run / "events.jsonl").stat().st_size if (run / "events.jsonl").exists() else 0
    log = (run.parent / "log.txt").open("ab")
    words = [sys.executable, str(tiny.TRAIN), "--run-dir", str(run), "--resume"]
    with log:
        process = subprocess.Popen(words, stdout=log, stderr=log, env=tiny.environment())
        _wait_for_a_moment(run, process, began, dice)
        process.kill()
        if process.wait() >= 0:
            return True
    reported = tiny.Ran(run, 0, "").events
    last = max(at for at, event in enumerate(reported) if isinstance(event, Started))
    steps = [event.step for event in reported[last:] if isinstance(event, Metrics)]
    tally.steps.append(steps[-1] if steps else 0)
    tally.while_loading += not steps
    tally.while_writing += (run / "checkpoints" / ".partial").exists()
    return False


def _wait_for_a_moment(
    run: Path, process: "subprocess.Popen[bytes]", began: int, dice: random.Random
) -> None:
    kind = dice.choices(["loading", "step", "writing"], [1, 3, 4])[0]
    events, partial = run / "events.jsonl", run / "checkpoints" / ".partial"
    count = dice.randrange(1, 40 if kind == "step" else 12)
    while process.poll() is None:
        size = events.stat().st_size if events.exists() else 0
        said = events.read_bytes()[began:] if size > began else b""
        if kind == "loading" and b'"started"' in said:
            time.sleep(dice.uniform(0, 3))
            return
        if kind == "step" and said.count(b'"metrics"') >= count:
            time.sleep(dice.uniform(0, 0.03))
            return
        if kind == "writing" and said.count(b'"checkpoint"') >= count:
            _until_written_to(partial, process)
            time.sleep(dice.uniform(0, 0.03))
            return
        time.sleep(0.001)


def _until_written_to(partial: Path, process: "subprocess.Popen[bytes]") -> None:
    while not partial.exists() and process.poll() is None:
        time.sleep(0.0002)


def _compare(ran: tiny.Ran, whole: tiny.Ran) -> None:
    import torch  # noqa: PLC0415

    expected = tiny.losses(whole)
    assert tiny.losses(ran) == expected
    assert all(event.loss == expected[event.step] for event in ran.of(Metrics))
    ours, theirs = (tiny.load_weights(each.folder / "output") for each in (ran, whole))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


if __name__ == "__main__":
    main()
