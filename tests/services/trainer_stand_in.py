"""A trainer in miniature that reports steps: train.py's contract in milliseconds, without torch."""

import argparse
import json
import sys
import time
from pathlib import Path

STEPS = 40

parser = argparse.ArgumentParser()
parser.add_argument("--run-dir", type=Path, required=True)
parser.add_argument("--attempt", type=int, default=1)
parser.add_argument("--resume", action="store_true")
parser.add_argument("--resume-from")
args = parser.parse_args()

with (args.run_dir / "events.jsonl").open("a", buffering=1) as events:
    events.write(json.dumps({"type": "started", "time": time.time(), "attempt": args.attempt}) + "\n")
    for step in range(1, STEPS + 1):
        metrics = {"step": step, "total_steps": STEPS, "epoch": 0, "loss": 1 / step, "learning_rate": 0.1}
        events.write(json.dumps({"type": "metrics", "time": time.time(), **metrics}) + "\n")
        print(f"step {step}", flush=True)
        time.sleep(0.005)
partial = args.run_dir / "result.partial"
partial.write_text(json.dumps({"status": "finished", "attempt": args.attempt, "step": STEPS}))
partial.replace(args.run_dir / "result.json")
sys.exit(0)
