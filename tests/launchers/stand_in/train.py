"""A trainer in miniature: keeps train.py's contract with its launcher, in milliseconds and without torch.

`behaviour.json` in the run folder says how it behaves; a file `finish` there lets it end. It counts lines to
its log while it waits, on stdout and stderr in turn, so that a hole or a repeat shows.
"""

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

NO_TELEMETRY = [
    "DO_NOT_TRACK",
    "MLFLOW_DISABLE_TELEMETRY",
    "WANDB_ERROR_REPORTING",
    "HF_HUB_DISABLE_TELEMETRY",
]

parser = argparse.ArgumentParser()
parser.add_argument("--run-dir", type=Path, required=True)
parser.add_argument("--attempt", type=int, default=1)
parser.add_argument("--resume", action="store_true")
parser.add_argument("--resume-from")
args = parser.parse_args()
folder: Path = args.run_dir
behaviour_file = folder / "behaviour.json"
behaviour = json.loads(behaviour_file.read_text()) if behaviour_file.exists() else {}
wish = []


def main() -> int:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN if behaviour.get("ignore_signals") else on_signal)
    child = [sys.executable, "-c", "import signal; signal.pause()"]
    helper = subprocess.Popen(child) if behaviour.get("with_child") else None
    note_what_is_seen(helper.pid if helper else None)
    if behaviour.get("hog"):
        hog = [bytearray(os.urandom(1 << 20)) for _ in range(4096)]
        return len(hog)
    return count_lines()


def on_signal(number: int, _frame: object) -> None:
    """A second signal is for somebody who cannot wait: leave at once, unsaved."""
    if wish:
        os._exit(3)
    wish.append(number)


def count_lines() -> int:
    number = 0
    while not wish and not (folder / "finish").exists():
        print(f"attempt {args.attempt} line {number}", file=(sys.stdout, sys.stderr)[number % 2], flush=True)
        number += 1
        time.sleep(0.005)
    if wish:
        if signal.SIGTERM in wish:
            (folder / "saving").touch()
            time.sleep(0.3)  # as long as it takes to write a small model
            (folder / "saved").touch()
        return end(number, "stopped", 3)
    code = int((folder / "finish").read_text())
    return end(number, "failed" if code else "finished", code)


def end(number: int, status: str, code: int) -> int:
    write(folder / "result.json", {"status": status, "attempt": args.attempt})
    print(f"attempt {args.attempt} end {number}", flush=True)
    if behaviour.get("last_words"):
        sys.stdout.write("no newline at the end")
    return code


def note_what_is_seen(child: int | None) -> None:
    config = json.loads((folder / "config.json").read_text())
    model = Path(config["base_model"])
    write(
        folder / "seen.json",
        {
            "attempt": args.attempt,
            "resume": args.resume,
            "pid": os.getpid(),
            "child": child,
            "user": os.getuid(),
            "command": Path("/proc/self/cmdline").read_text().split("\0"),
            "token_sha256": hashlib.sha256(os.environ.get("HF_TOKEN", "").encode()).hexdigest(),
            "environment": sorted(os.environ),
            "no_telemetry": {name: os.environ.get(name) for name in NO_TELEMETRY},
            "base_model_files": sorted(os.listdir(model)) if model.is_dir() else [],
            "shared_memory": os.statvfs("/dev/shm").f_blocks,
        },
    )
    event = {"type": "started", "time": time.time(), "attempt": args.attempt}
    with (folder / "events.jsonl").open("a") as file:
        file.write(json.dumps(event) + "\n")


def write(path: Path, content: dict) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(content))
    partial.replace(path)


if __name__ == "__main__":
    sys.exit(main())
