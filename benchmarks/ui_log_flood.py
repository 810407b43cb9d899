"""Does the window answer while a run writes 500 log lines a second? Measured in a real browser.

    python benchmarks/ui_log_flood.py [--seconds 60] [--rate 500] [--limit-ms 100]

Serves the real app over a home of its own. A first part clicks on an idle page, a second on the same page
while a real run (the real supervisor over a trainer that only talks) floods its log and reports ten steps a
second. A click's time runs inside the page from the click to the frame in which what Python rendered for
it is there. Exits with 1 if the 95th percentile under the flood is above the limit; the ratio to the idle
page tells a slow app from a slow browser or a busy machine.
"""

import argparse
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

from browser.clicking import ROOT, Times, clicks, judge, new_home, served, training_tab, wait_for

TALKER = """
import argparse, json, pathlib, sys, time
parser = argparse.ArgumentParser()
parser.add_argument("words", nargs="*")
options, rest = parser.parse_known_args()
folder = next(p for p in map(pathlib.Path, [*options.words, *rest, "."]) if (p / "config.json").is_file())
events = (folder / "events.jsonl").open("a", buffering=1)
start, line, step = time.time(), 0, 0
events.write(json.dumps({"type": "phase", "name": "train", "time": start}) + "\\n")
while True:
    now = time.time() - start
    while line < now * RATE:
        line += 1
        print(f"[{line}] a line of the log as long as such lines are: loss 1.2345, lr 2e-4", flush=False)
    sys.stdout.flush()
    while step < now * 10:
        step += 1
        events.write(json.dumps({"type": "metrics", "step": step, "total_steps": 100000, "epoch": 0.1,
            "loss": 3 / step ** 0.3, "learning_rate": 2e-4, "time": time.time(),
            "tokens_per_second": 900.0, "eta_seconds": 99.0}) + "\\n")
    time.sleep(0.02)
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=int, default=500, help="log lines a second")
    parser.add_argument("--limit-ms", type=float, default=100)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args.serve)
        return 0
    return measure(args.seconds, args.rate, args.limit_ms)


def serve(port: int) -> None:
    """The real app, whose local trainer is the talker; the run starts when the file `go` appears."""
    from app.bootstrap import build_services  # noqa: PLC0415
    from app.domain.runs import RunRequest, Target  # noqa: PLC0415
    from app.paths import Paths  # noqa: PLC0415
    from app.ui.window import run_window  # noqa: PLC0415
    from trainer_image.config import RunConfig  # noqa: PLC0415

    class TalkerPaths(Paths):
        trainer = property(lambda self: self.home / "talker")

    paths = TalkerPaths(Paths.from_environment().home)
    paths.make()
    services = build_services(paths)
    session = services.library.ensure_sample()

    def start_when_told() -> None:
        while not (paths.home / "go").exists():
            time.sleep(0.05)
        run = services.training.start(
            RunRequest(RunConfig(base_model="owner/model"), Target.LOCAL, session_id=session.id)
        )
        while not (paths.home / "stop").exists():
            time.sleep(0.05)
        services.training.stop(run.id, save=False)
        (paths.home / "stopped").touch()

    threading.Thread(target=start_when_told, daemon=True).start()
    run_window(lambda: services, paths, web=True, port=port, open_browser=False)


def measure(seconds: float, rate: int, limit_ms: float) -> int:
    with new_home() as home:
        shutil.copytree(ROOT / "trainer_image", home / "talker", ignore=shutil.ignore_patterns("__pycache__"))
        (home / "talker" / "train.py").write_text(TALKER.replace("RATE", str(rate)))
        with served(__file__, home) as (url, server):
            try:
                idle, flooded, lines, cpu = click_through(url, server, home, seconds)
            finally:
                (home / "stop").touch()
                wait_for(lambda: (home / "stopped").exists() or not (home / "go").exists(), 30)
    print(f"{lines} log lines in {seconds:.0f} s; server process at {cpu:.0f} % of one core")
    return judge({"idle page": idle, "under flood": flooded}, limit_ms)


def click_through(
    url: str, server: subprocess.Popen, home: Path, seconds: float
) -> tuple[Times, Times, int, float]:
    """Clicks on the idle page and under the flood, lines written, CPU of the server in percent."""
    import psutil  # noqa: PLC0415

    with training_tab(url) as ui:
        idle = clicks(ui.page, min(seconds, 20))
        (home / "go").touch()
        ui.wait_for_text("line of the log", "log", timeout=60)
        process = psutil.Process(server.pid)
        process.cpu_percent()
        flooded = clicks(ui.page, seconds)
        cpu = process.cpu_percent()
        [log_file] = home.glob("data/outputs/*/log.txt")
        lines = log_file.read_bytes().count(b"\n")
    return idle, flooded, lines, cpu


if __name__ == "__main__":
    sys.exit(main())
