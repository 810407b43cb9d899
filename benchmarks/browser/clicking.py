"""Click in the real app in a real browser and tell how long each answer took. For the ui_… benchmarks."""

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

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
CLICK = """async ([place, label, name, isThere]) => {
    const field = () => document.querySelector(`[aria-label="${label}"]`);
    const button = [...document.querySelectorAll(`[flt-semantics-identifier="${place}"] [role="button"]`)]
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


TRAINING = ("source", "Data file", "File", "Session")
INFERENCE = ("model-source", "Folder of a model or an adapter", "Folder", "My runs")
"""Where two choices stand, a field that is there with the first of them only, and both."""

Times = list[tuple[float, float]]
"""Of each click, in ms: until it was drawn, until the answer was there."""


@contextmanager
def served(script: str, home: Path) -> Iterator[tuple[str, subprocess.Popen]]:
    """The app as `script --serve PORT` serves it over `home`, and its process, which is ended afterwards."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, script, "--serve", str(port)],
        env={**os.environ, "TUNEWRIGHT_HOME": str(home)},
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: is_open(port), 60)
        yield f"http://127.0.0.1:{port}/", server
    finally:
        server.terminate()
        server.wait(20)


@contextmanager
def new_home() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="tunewright-clicks-"))
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def training_tab(url: str) -> Iterator["FletUI"]:  # noqa: F821
    """The app's Training tab, open in Chromium, warmed up."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    from tests.e2e.flet_ui import FletUI  # noqa: PLC0415

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
        clicks(page, 3)
        yield ui
        browser.close()


def clicks(page, seconds: float, *, until: Callable[[], bool] = lambda: False, on=TRAINING) -> Times:
    """Two clicks after another, four times a second, for so many seconds or until something is so."""
    times: Times = []
    place, field, *choices = on
    end = time.monotonic() + seconds
    while time.monotonic() < end and not until():
        for name, is_there in zip(choices, (True, False), strict=True):
            times.append(tuple(page.evaluate(CLICK, [place, field, name, is_there])))
            page.wait_for_timeout(250)
    return times


def judge(measured: dict[str, Times], limit_ms: float) -> int:
    """Print what was measured, the idle page first; 1 if a 95th percentile until drawn is above the limit."""
    (first, idle), *others = measured.items()
    print(describe(first, idle))
    slowest, usual = 0.0, percentile([drawn for drawn, _ in idle], 95)
    for name, times in others:
        slow = percentile([drawn for drawn, _ in times], 95)
        print(f"{describe(name, times)}; ratio of p95 until drawn to the idle page {slow / usual:.2f}")
        slowest = max(slowest, slow)
    if usual > limit_ms:
        print(f"This browser draws the idle page itself in {usual:.0f} ms: only the ratios tell of the app.")
    return 0 if slowest <= limit_ms else 1


def describe(name: str, times: Times) -> str:
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


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(condition, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
