"""A trainer for the soak: keeps train.py's contract in a second or two, and notes elsewhere what is true.

Steps, checkpoints that can be resumed, an adapter that follows from the run's id. `TRUTH` in its environment
is a folder that no pod's end touches.
"""

import argparse
import hashlib
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

STEPS = 12
ADAPTER_BYTES = 200_000


def adapter_of(run_id: str) -> bytes:
    return random.Random(run_id).randbytes(ADAPTER_BYTES)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--run-dir", type=Path, required=True)
    parser.add_argument("--attempt", type=int, default=1)
    parser.add_argument("--resume", action="store_true")
    args, _ = parser.parse_known_args()
    return Trainer(args.run_dir, args.attempt, resume=args.resume).run()


class Trainer:
    def __init__(self, folder: Path, attempt: int, *, resume: bool) -> None:
        self.folder = folder
        self.run_id = folder.name
        self.attempt = attempt
        self.wish = 0
        self.step = self.newest() if resume else 0
        config = json.loads((folder / "config.json").read_text())
        self.steps = STEPS
        self.pause = 5.0 if config["max_steps"] == 2 else 0.1
        """`max_steps` 2 stands for a run that outlives its budget."""

    def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.hear)
        self.tell({"type": "started", "attempt": self.attempt})
        self.note("started")
        while self.step < self.steps and not self.wish:
            time.sleep(self.pause)
            self.step += 1
            print(f"attempt {self.attempt} step {self.step}", flush=True)
            self.tell({
                "type": "metrics", "step": self.step, "total_steps": self.steps, "epoch": 0.1, "loss": 1.0,
                "learning_rate": 1e-4, "grad_norm": 1.0, "tokens_per_second": 1.0, "samples_seen": self.step,
                "tokens_seen": self.step, "elapsed_seconds": self.step * 0.1, "eta_seconds": 1.0,
            })  # fmt: skip
            if self.step % 4 == 0:
                self.save()
        if self.wish == signal.SIGTERM and self.step:
            self.save()
        return self.end()

    def hear(self, number: int, _frame: object) -> None:
        if self.wish:
            os._exit(3)
        self.wish = number

    def newest(self) -> int:
        steps = [
            json.loads(marker.read_text())["step"]
            for marker in (self.folder / "checkpoints").glob("samples_*/COMPLETE.json")
        ]
        return max(steps, default=0)

    def save(self) -> None:
        folder = self.folder / "checkpoints" / f"samples_{self.step}"
        if folder.exists():
            return
        partial = self.folder / "checkpoints" / ".partial" / folder.name
        partial.mkdir(parents=True, exist_ok=True)
        weights = random.Random(self.step).randbytes(50_000)
        (partial / "adapter_model.safetensors").write_bytes(weights)
        marker = {"step": self.step, "samples_seen": self.step, "saved_at": time.time(), "full_state": True,
                  "files": {"adapter_model.safetensors": len(weights)}}  # fmt: skip
        (partial / "COMPLETE.json").write_text(json.dumps(marker))
        partial.rename(folder)
        self.tell({"type": "checkpoint", "step": self.step, "path": f"checkpoints/{folder.name}"})

    def end(self) -> int:
        is_stopped = self.step < self.steps
        status = "stopped" if is_stopped else "finished"
        result = {
            "status": status,
            "attempt": self.attempt,
            "step": self.step,
            "total_steps": self.steps,
        }
        if not is_stopped:
            output = self.folder / "output"
            output.mkdir(exist_ok=True)
            write(output / "adapter_model.safetensors", adapter_of(self.run_id))
            write(output / "adapter_config.json", b"{}")
            result |= {"output": "output", "output_kind": "adapter"}
        if newest := self.newest():
            result["checkpoint"] = f"checkpoints/samples_{newest}"
        write(self.folder / "result.json", json.dumps(result).encode())
        self.note(result["status"])
        return 3 if is_stopped else 0

    def note(self, what: str) -> None:
        with (Path(os.environ["TRUTH"]) / f"{self.run_id}-{self.attempt}").open("a") as file:
            file.write(what + "\n")

    def tell(self, event: dict) -> None:
        with (self.folder / "events.jsonl").open("a") as file:
            file.write(json.dumps({"time": time.time(), **event}) + "\n")


def write(path: Path, content: bytes) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(content)
    partial.replace(path)


def checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
