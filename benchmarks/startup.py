"""Start-up and idle memory of the app against an empty Flet app, in turn, in one run.

`python benchmarks/startup.py [--rounds 7]` prints, for each: seconds from process start to the page being
served (median and spread) and resident memory once it idles, then the ratio. The app's database has been
made before, as at any start but the first.
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
EMPTY = """
import sys, flet as ft
def main(page): page.add(ft.Text("empty"))
ft.run(main, view=None, host="127.0.0.1", port=int(sys.argv[1]), no_cdn=True)
"""
IDLE_SECONDS = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as home:
        commands = {
            "empty Flet app": [sys.executable, "-c", EMPTY],
            "Tunewright": [sys.executable, "-m", "app", "--web", "--no-browser", "--port"],
        }
        environment = {**os.environ, "TUNEWRIGHT_HOME": home, "FLET_FORCE_WEB_SERVER": "true"}
        for command in commands.values():  # makes the database and warms the disk
            measure(command, environment, idle=False)
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                times[name].append(measure(command, environment, idle=False)[0])
        memory = {name: measure(command, environment, idle=True)[1] for name, command in commands.items()}
    for name, found in times.items():
        print(
            f"{name:15} served after {statistics.median(found):.2f} s ({min(found):.2f}-{max(found):.2f}), "
            f"idle {memory[name]:.0f} MB"
        )
    ratio = statistics.median(times["Tunewright"]) / statistics.median(times["empty Flet app"])
    print(f"ratio {ratio:.2f} (wanted: at most 1.20); idle memory wanted: under 150 MB")


def measure(command: list[str], environment: dict[str, str], *, idle: bool) -> tuple[float, float]:
    """Seconds until the page answers, and MB resident after idling."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    start = time.perf_counter()
    process = subprocess.Popen(
        [*command, str(port)], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while not served(port):
            if process.poll() is not None:
                sys.exit(f"{command} ended with {process.returncode}")
            time.sleep(0.005)
        seconds = time.perf_counter() - start
        if idle:
            time.sleep(IDLE_SECONDS)
        tree = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        return seconds, sum(p.memory_info().rss for p in tree) / 1e6
    finally:
        process.terminate()
        process.wait(10)


def served(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


if __name__ == "__main__":
    main()
