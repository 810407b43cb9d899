"""A real app process and a real Chromium. Run apart from the in-process tests (`-m browser`)."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from tests.docker_engine import docker_client, trainer_image
from tests.e2e.flet_ui import FletUI

__all__ = ["docker_client", "trainer_image"]

ROOT = Path(__file__).resolve().parents[2]
_CHROMIUMS = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
START_SECONDS = 60.0


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = launch(playwright)
        yield chromium
        chromium.close()


def launch(playwright: Playwright) -> Browser:
    """The system's Chromium, or Playwright's own."""
    found = os.environ.get("CHROMIUM") or next((c for c in _CHROMIUMS if Path(c).exists()), None)
    return playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-dev-shm-usage"])


class RunningApp:
    """`python -m app --web`, with a home of its own."""

    def __init__(self, home: Path, *, port: int | None = None) -> None:
        self.home = home
        self.log = home.parent / f"{home.name}-app.log"
        self._arguments = ["--web", "--no-browser", *(["--port", str(port)] if port else [])]
        self.process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start(self) -> "RunningApp":
        """Start, and wait until it has said where it is."""
        environment = {**os.environ, "TUNEWRIGHT_HOME": str(self.home), "PYTHONUNBUFFERED": "1"}
        environment.pop("DISPLAY", None)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app", *self._arguments],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        end = time.monotonic() + START_SECONDS
        while not (said := re.search(r"http://127\.0\.0\.1:\d+/", self.said())):
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < end, f"not served after {START_SECONDS} s: {self.said()}"
            time.sleep(0.02)
        self.url = said[0]
        return self

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def stop(self) -> None:
        """Ask it to end, and wait."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """As a crash would: no chance to tidy up."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(15)


def end_runs_in(home: Path) -> None:
    """A run outlives its app, and here nobody waits for it."""
    for process in psutil.process_iter(["cmdline"]):
        if any(str(home) in word for word in process.info["cmdline"] or ()):
            with suppress(psutil.Error):
                process.kill()


@contextmanager
def running_app(home: Path) -> Iterator[RunningApp]:
    """Afterwards neither it nor a run of it goes on."""
    running = RunningApp(home)
    try:
        yield running.start()
    finally:
        try:
            running.stop()
        finally:
            end_runs_in(home)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[RunningApp]:
    with running_app(tmp_path / "home") as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh window of 1280 × 800, as Chromium with nothing remembered."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True)
    yield context.new_page()
    context.close()


@pytest.fixture
def ui(page: Page, app: RunningApp) -> FletUI:
    return FletUI(page).open(app.url).at_rest()
