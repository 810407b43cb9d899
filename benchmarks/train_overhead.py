"""How much slower is our trainer than a bare TRL script on the same model and rows?

    python benchmarks/train_overhead.py [--model FOLDER] [--rounds N] [--steps N] [--method sft|lora]

Runs both in turn, several times, each in a process of its own. A step lasts from the end of the one before,
so that everything ours reports is in it; the first two steps, imports, loading and the final save are not.
Ours reports every step, the bare script logs as TRL does by default. Two figures: tokens per second, and
tokens per second of processor time, which other programs on the machine disturb far less. On a CPU the
second one decides, with CUDA the first.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

OURS = """
import json, sys, time
root, folder = sys.argv[1:]
sys.path.insert(0, root)
from trainer_image import reporting, train

seen, ends = [0], []
plain = reporting.Reporter.emit
def timed(self, event):
    plain(self, event)
    if event.type == "metrics":
        seen.append(event.tokens_seen)
        ends.append([time.perf_counter(), time.process_time()])
reporting.Reporter.emit = timed
assert train.main(["--run-dir", folder]) == 0
tokens = [after - before for before, after in zip(seen, seen[1:])]
print(json.dumps({"tokens": tokens, "ends": ends}))
"""

BARE = """
import json, os, sys, time
os.environ.update(TOKENIZERS_PARALLELISM="true", HF_HUB_OFFLINE="1")
import transformers
from datasets import load_dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import SFTConfig, SFTTrainer

model, data, steps, method, out = sys.argv[1:]
transformers.set_seed(3407)

class Clock(TrainerCallback):
    def __init__(self): self.ends = []
    def on_step_end(self, *_, **__): self.ends.append([time.perf_counter(), time.process_time()])

clock = Clock()
trainer = SFTTrainer(
    model=AutoModelForCausalLM.from_pretrained(model, dtype="float32"),
    processing_class=AutoTokenizer.from_pretrained(model),
    train_dataset=load_dataset("json", data_files=data, split="train"),
    peft_config=LoraConfig(r=16, lora_alpha=32, target_modules="all-linear") if method == "lora" else None,
    callbacks=[clock],
    args=SFTConfig(
        output_dir=out, max_steps=int(steps), per_device_train_batch_size=4, gradient_accumulation_steps=2,
        learning_rate=2e-4, weight_decay=0.01, lr_scheduler_type="cosine", seed=3407, data_seed=3407,
        assistant_only_loss=True, max_length=512, gradient_checkpointing=False, bf16=False, use_cpu=True,
        save_strategy="no", report_to="none", disable_tqdm=True,
    ),
)
tokens = []
plain = trainer.get_batch_samples
def counted(*a, **k):
    got = plain(*a, **k)
    tokens.append(sum(b["attention_mask"].sum() for b in got[0]))
    return got
trainer.get_batch_samples = counted
trainer.train()
print(json.dumps({"tokens": [int(t) for t in tokens], "ends": clock.ends}))
"""


@dataclass(frozen=True)
class Speed:
    """Tokens from the end of the second step to the last, per second of wall and of processor time."""

    wall: float
    processor: float


def main() -> int:
    args = parse_arguments()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        model, data = args.model or make_model(work / "model"), make_data(work / "rows.jsonl")
        ours, bare = [], []
        for number in range(args.rounds):
            sides = [(ours, run_ours), (bare, run_bare)]
            for measured, run in sides if number % 2 == 0 else reversed(sides):
                measured.append(run(work / f"{number}-{run.__name__}", model, data, args))
            print(f"round {number + 1}   {compare(ours[-1], bare[-1])}", flush=True)
    typical_ours, typical_bare = median(ours), median(bare)
    print(f"median    {compare(typical_ours, typical_bare)}   the aim is at least 0.980")
    if args.decide == "wall":
        return 0 if typical_ours.wall >= 0.98 * typical_bare.wall else 1
    return 0 if typical_ours.processor >= 0.98 * typical_bare.processor else 1


def compare(ours: Speed, bare: Speed) -> str:
    wall = f"tokens/s: ours {ours.wall:7.0f}, bare {bare.wall:7.0f}, ratio {ours.wall / bare.wall:.3f}"
    ratio = ours.processor / bare.processor
    return f"{wall}   per processor second: {ours.processor:7.0f}, {bare.processor:7.0f}, ratio {ratio:.3f}"


def median(runs: list[Speed]) -> Speed:
    return Speed(
        statistics.median(run.wall for run in runs), statistics.median(run.processor for run in runs)
    )


def parse_arguments() -> argparse.Namespace:
    tiny = ROOT / "assets" / "tiny-model"
    parser = argparse.ArgumentParser(description="Compare our trainer's speed with a bare TRL script's.")
    parser.add_argument("--model", type=Path, default=tiny if (tiny / "config.json").exists() else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--method", choices=["sft", "lora"], default="sft")
    parser.add_argument("--decide", choices=["wall", "processor"], default="processor")
    return parser.parse_args()


def run_ours(folder: Path, model: Path, data: Path, args: argparse.Namespace) -> Speed:
    folder.mkdir()
    config = {
        "base_model": str(model),
        "dataset": {"kind": "file", "path": str(data)},
        "method": {"kind": args.method},
        "max_steps": args.steps,
        "num_epochs": 1000,
        "per_device_batch_size": 4,
        "gradient_accumulation_steps": 2,
        "max_seq_len": 512,
        "save_steps": 10_000,
        "validation": "off",  # the bare script measures nothing either, and trains on every row
        "offline": True,
    }
    (folder / "config.json").write_text(json.dumps(config))
    return measure([sys.executable, "-c", OURS, str(ROOT), str(folder)])


def run_bare(folder: Path, model: Path, data: Path, args: argparse.Namespace) -> Speed:
    options = [str(model), str(data), str(args.steps), args.method, str(folder)]
    return measure([sys.executable, "-c", BARE, *options])


def measure(program: list[str]) -> Speed:
    done = subprocess.run(program, check=True, capture_output=True, text=True)
    measured = json.loads(done.stdout.splitlines()[-1])
    tokens, (first, last) = sum(measured["tokens"][2:]), (measured["ends"][1], measured["ends"][-1])
    return Speed(tokens / (last[0] - first[0]), tokens / (last[1] - first[1]))


def make_data(path: Path) -> Path:
    words = ["river", "stone", "light", "north", "seven", "walks", "under", "open", "early", "quiet"]
    rows: list[dict[str, Any]] = []
    for number in range(256):
        answer = " ".join(words[(number * step) % 10] for step in range(1, 20 + number % 30))
        question = f"What comes after {number} and {words[number % 10]}?"
        turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        rows.append({"messages": turns})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def make_model(folder: Path) -> Path:
    from tests.trainer import tiny  # noqa: PLC0415

    return tiny.save_model(folder, hidden_size=192, layers=4)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
