"""Stands in for train.py where only its life matters: does what its config says, in an instant.

`train.py` itself is in test_real_training.py.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

args = sys.argv[1:]
run_dir = Path(args[args.index("--run-dir") + 1])
attempt = int(args[args.index("--attempt") + 1])
config = json.loads((run_dir / "config.json").read_text())
wished = []
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda number, _frame: wished.append(number))


def report(**event: object) -> None:
    with (run_dir / "events.jsonl").open("a") as events:
        events.write(json.dumps(event) + "\n")


def checkpoint(number: int) -> None:
    folder = run_dir / "checkpoints" / f"samples_{number}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "weights").write_bytes(number.to_bytes(4, "big") * 1000)
    marker = {"saved_at": time.time(), "files": {"weights": 4000}}
    (folder / ".marker").write_text(json.dumps(marker))
    os.replace(folder / ".marker", folder / "COMPLETE.json")


def newest() -> int:
    return max((int(m.parent.name[8:]) for m in run_dir.glob("checkpoints/*/COMPLETE.json")), default=0)


def end(status: str, code: int) -> None:
    if config.get("result", True):
        partial = run_dir / "result.json.partial"
        partial.write_text(json.dumps({"status": status, "attempt": attempt}))
        os.replace(partial, run_dir / "result.json")
    sys.exit(code)


with (run_dir / "launches.txt").open("a") as launches:  # how often anything was trained here
    launches.write(" ".join(args[4:]) + "\n")
report(type="started", attempt=attempt, options=args[4:])
print("options", *args[4:])
print("environment", *(f"{name}={os.environ.get(name)}" for name in config.get("show", [])))
if config.get("fill"):
    with suppress(OSError), (run_dir / "filling").open("wb", buffering=0) as filling:
        while filling.write(b"x" * 65536):
            pass
for line in config.get("print", []):
    print(line)
for step in range(config.get("steps", 0)):
    print("step", step)
    report(type="metrics", step=step)
for _ in range(config.get("orphans", 0)):  # whose parent ends before they do
    stays = "import os, sys, time; os.fork() or (os.setsid(), open(sys.argv[1], 'w'), time.sleep(1000))"
    subprocess.Popen([sys.executable, "-S", "-c", stays, str(run_dir / f"orphan-{_}")])
while len(list(run_dir.glob("orphan-*"))) < config.get("orphans", 0):
    threading.Event().wait(0.01)
if "checkpoint" in config:
    checkpoint(config["checkpoint"])
for step in range(newest() + 1 if "--resume" in args else 1, config.get("walk", 0) + 1):
    print("walk", step, flush=True)
    report(type="metrics", step=step)
    if step % 10 == 0:
        checkpoint(step)
    threading.Event().wait(0.005)
if config.get("fill"):  # also what the supervisor had spared
    with (run_dir / "more").open("wb", buffering=0) as filling:
        while True:
            filling.write(b"x" * 4096)
print("ready", flush=True)
while config.get("wait") and not wished:
    threading.Event().wait(0.01)
if config.get("die"):
    os.kill(os.getpid(), config["die"])
if wished and not config.get("stubborn"):
    end("stopped", 3)
while config.get("stubborn"):
    threading.Event().wait(0.1)
(run_dir / "output").mkdir(exist_ok=True)
(run_dir / "output" / "adapter.bin").write_bytes(os.urandom(config.get("bytes", 1000)))
end("finished", config.get("code", 0))
