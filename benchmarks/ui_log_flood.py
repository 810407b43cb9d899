"""Does the window answer while a run writes 500 log lines a second? Measured in a real browser.

    python benchmarks/ui_log_flood.py [--seconds 60] [--rate 500] [--limit-ms 100]

Serves the real app over a home of its own. A first part clicks on an idle page, a second on the same page
while a real run (the real supervisor over a trainer that only talks) floods its log and reports ten steps a
second. A click's time runs inside the page from the click to the frame in which what Python rendered for
it is there. Exits with 1 if the 95th percentile under the flood is above the limit; the ratio to the idle
page tells a slow app from a slow browser or a busy machine.
"""

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

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

# When the first message arrived after the page had sent something: the answer, or an update in its place.
WIRE = """
window.wire = {};
const Plain = window.WebSocket;
window.WebSocket = class extends Plain {
    constructor(...given) {
        super(...given);
        this.addEventListener('message', () => {
            if (window.wire.sent) window.wire.answered ??= performance.now();
        });
    }
    send(data) { window.wire.sent = true; super.send(data); }
};
"""

# Both clicks make Python render another field; the button's own look would change without it.
CLICK = """async ([name, isThere]) => {
    const field = () => document.querySelector('[aria-label="Data file"]');
    const button = [...document.querySelectorAll('[flt-semantics-identifier="source"] [role="button"]')]
        .find(node => node.textContent === name);
    window.wire = {};
    const start = performance.now();
    button.click();
    while (!!field() !== isThere) {
        if (performance.now() - start > 20000) throw new Error(`no answer to a click on ${name}`);
        await new Promise(requestAnimationFrame);
    }
    return [performance.now() - start, window.wire.answered - start];
}"""


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
    home = Path(tempfile.mkdtemp(prefix="tunewright-flood-"))
    shutil.copytree(ROOT / "trainer_image", home / "talker", ignore=shutil.ignore_patterns("__pycache__"))
    (home / "talker" / "train.py").write_text(TALKER.replace("RATE", str(rate)))
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, __file__, "--serve", str(port)],
        env={**os.environ, "TUNEWRIGHT_HOME": str(home)},
        stdout=subprocess.DEVNULL,
    )
    try:
        idle, flooded, lines, cpu = click_through(f"http://127.0.0.1:{port}/", server, home, seconds)
    finally:
        (home / "stop").touch()
        wait_for(lambda: (home / "stopped").exists() or not (home / "go").exists(), 30)
        server.terminate()
        server.wait(20)
        shutil.rmtree(home, ignore_errors=True)
    print(f"{lines} log lines in {seconds:.0f} s; server process at {cpu:.0f} % of one core")
    print(describe("idle page ", idle))
    print(describe("under flood", flooded))
    slow, usual = (percentile([drawn for drawn, _ in times], 95) for times in (flooded, idle))
    print(f"ratio of p95 until drawn, flood to idle page: {slow / usual:.2f}")
    return 0 if slow <= limit_ms else 1


def click_through(
    url: str, server: subprocess.Popen, home: Path, seconds: float
) -> tuple[list[tuple[float, float]], list[tuple[float, float]], int, float]:
    """Round trips in ms on the idle page and under the flood, lines written, CPU of the server in percent."""
    import psutil  # noqa: PLC0415
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    from tests.e2e.flet_ui import FletUI  # noqa: PLC0415

    wait_for(lambda: is_open(url), 60)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
            args=["--no-sandbox", "--disable-dev-shm-usage"],
        )
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.add_init_script(WIRE)
        ui = FletUI(page).open(url)
        ui.wait_for_text("Data")
        ui.go_to("Training")
        ui.wait_for_text("Session", "source")
        clicks(page, 3)  # warm up
        idle = clicks(page, min(seconds, 20))
        (home / "go").touch()
        ui.wait_for_text("line of the log", "log", timeout=60)
        process = psutil.Process(server.pid)
        process.cpu_percent()
        flooded = clicks(page, seconds)
        cpu = process.cpu_percent()
        [log_file] = home.glob("data/outputs/*/log.txt")
        lines = log_file.read_bytes().count(b"\n")
        browser.close()
    return idle, flooded, lines, cpu


def clicks(page, seconds: float) -> list[tuple[float, float]]:
    """Two clicks after another, four times a second, for so many seconds: drawn and answered after, in ms."""
    times: list[tuple[float, float]] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        times.append(tuple(page.evaluate(CLICK, ["File", True])))
        page.wait_for_timeout(250)
        times.append(tuple(page.evaluate(CLICK, ["Session", False])))
        page.wait_for_timeout(250)
    return times


def describe(name: str, times: list[tuple[float, float]]) -> str:
    drawn, answered = ([time[at] for time in times] for at in (0, 1))
    return (
        f"{name}: {len(times)} clicks, drawn p50 {statistics.median(drawn):.0f} ms, "
        f"p95 {percentile(drawn, 95):.0f} ms, max {max(drawn):.0f} ms; of it until the answer was there "
        f"p95 {percentile(answered, 95):.0f} ms, max {max(answered):.0f} ms"
    )


def percentile(times: list[float], percent: float) -> float:
    return sorted(times)[min(len(times) - 1, round(percent / 100 * (len(times) - 1)))]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_open(url: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(url.rstrip("/").rpartition(":")[2]))) == 0


def wait_for(condition, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())
