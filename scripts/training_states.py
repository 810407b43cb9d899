"""Every state of the Training tab as a picture, from the real app: part of `take_screenshots.py --states`.

One journey through all of them, kept as WebP in docs/images/states: each step brings the tab into the state
that names its picture. A step that fails is told at the end, and the others go on. Those of the
Inference tab are in `talking_states`, of Data and Merge in `data_states`, of rented GPUs and Docker in
`renting_states` and `docker_states`.
"""

import json
import os
import re
import signal
import traceback
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import FloatRect, Locator

from scripts import data_states, docker_states, renting_states, talking_states
from tests.e2e.flet_ui import FletUI
from tests.e2e.test_journey import ask, pick
from tests.emulators.runpod.server import RunpodEmulator

WIDE = {"width": 1280, "height": 800}
TALL = {"width": 1280, "height": 1500}
NARROW = {"width": 420, "height": 860}
WHOLE = {"width": 1280, "height": 2800}
"""So high that every field of a beginner is in sight."""
HIGH = {"width": 1280, "height": 4200}
"""So high that a run, the chat below it and the history are."""
QUALITY = 70
QUESTION = "Which harbour does Saltby have?"


class States:
    """Takes the pictures; `home` is the app's own folder."""

    def __init__(self, ui: FletUI, folder: Path, home: Path) -> None:
        self.ui, self._folder, self._home = ui, folder, home
        self.failed: list[str] = []
        folder.mkdir(parents=True, exist_ok=True)

    def take(
        self,
        name: str,
        size: dict[str, int] = WIDE,
        *,
        dark: bool = False,
        from_piece: str = "",
        at_once: bool = False,
    ) -> None:
        """`from_piece`: only the right column, from where that piece begins. `at_once`: it is soon over."""
        page, raw = self.ui.page, self._folder / f"{name}.png"
        self.resize(size)
        page.emulate_media(color_scheme="dark" if dark else "light")
        page.mouse.move(2, 2)
        if at_once:
            raw.write_bytes(page.screenshot())
        else:
            page.wait_for_timeout(2000 if dark else 900)  # ripples fade, a theme comes piece by piece
            raw.write_bytes(self._settled())
        box = self._box(from_piece) if from_piece else None
        with Image.open(raw) as whole:
            left, top = (int(box["x"]) - 30, int(box["y"]) - 30) if box else (0, 0)
            image = whole.crop((left, top, whole.width, min(whole.height, top + 1100))) if box else whole
            image.save(raw.with_suffix(".webp"), quality=QUALITY, method=6)
        raw.unlink()
        page.emulate_media(color_scheme="light")

    def _settled(self) -> bytes:
        """The page as a PNG once nothing moves in it, or some seconds later: a run never rests."""
        page = self.ui.page
        seen = page.screenshot()
        for _ in range(8):
            page.wait_for_timeout(500)
            before, seen = seen, page.screenshot()
            if seen == before:
                break
        return seen

    def resize(self, size: dict[str, int]) -> None:
        """And wait until all is in its place: what is clicked earlier is clicked beside."""
        if self.ui.page.viewport_size == size:
            return
        self.ui.resize(size)
        self.ui.page.wait_for_timeout(2000)

    def show(self, selector: str, *, above: int = 60) -> None:
        """Scroll the one column of a narrow window until that piece stands at its top, or that high."""
        page = self.ui.page
        self.resize(NARROW)
        page.mouse.move(5, 400)  # beside the lists, which scroll by themselves
        for _ in range(80):
            box = self._box(selector)
            if box is not None and box["y"] < above:
                return
            page.mouse.wheel(0, 120)
            page.wait_for_timeout(60)
        raise AssertionError(f"{selector} was not reached")

    def _have_a_run(self) -> None:
        """Where the steps before this one were left out."""
        if self._piece('^="history-"').count() == 0:
            self.ui.fill("Max steps", "8")
            self.ui.click("Start training")
            self.ui.wait_for_text("Running|Starting", "run-status", timeout=60)
            self.ui.wait_for_text("Finished", "run-status", timeout=480)
            self.ui.page.wait_for_timeout(2000)

    def _piece(self, selector: str) -> Locator:
        return self.ui.page.locator(f"[flt-semantics-identifier{selector}]")

    def _box(self, selector: str) -> FloatRect | None:
        piece = self._piece(selector)
        return piece.first.bounding_box() if piece.count() else None

    def step(self, act: Callable[[], None]) -> None:
        print(act.__name__.replace("_", " "), flush=True)
        try:
            act()
        except Exception:  # the rest is worth its pictures
            self.failed.append(f"{act.__name__}\n{traceback.format_exc(limit=-3)}")
            print(self.failed[-1], flush=True)
            self.ui.page.keyboard.press("Escape")

    def go_through(self, only: list[str]) -> None:
        first = (self.first_sight, self.beginner, self.expert, self.setups, self.targets, self.checks)
        runs = (self.running, self.asked_to_stop, self.finished, self.chat, self.failure, self.history)
        if only:
            self.ui.go_to("Training")
        for act in (
            self.empty,
            *first,
            *runs,
            self.queue,
            self.talking,
            self.export,
            self.rows,
            self.importing,
            self.merging,
            self.settings,
            self.offline,
        ):
            if not only or act.__name__ in only:
                self.step(act)

    def empty(self) -> None:
        """Tabs with nothing in them yet: the sample is there, and no run."""
        self.take("00-data-before-a-session-is-chosen")
        for tab in ("Inference", "Merge"):
            self.ui.go_to(tab)
            self.ui.page.wait_for_timeout(1500)  # what a tab asks for when it is first shown
            self.take(f"00-{tab.lower()}-before-anything")

    def first_sight(self) -> None:
        self.ui.go_to("Training")
        self.is_ready()
        self.ui.wait_for_text("Ready", "ready-state", timeout=60)
        self.take("01-nothing-run-yet")
        self.take("01-nothing-run-yet-dark", dark=True)
        self.take("01-nothing-run-yet-narrow", NARROW)

    def beginner(self) -> None:
        self.resize(WHOLE)
        pick(self.ui, "New knowledge")
        self.ui.wait_for_text("OSFT", "recommendation")
        pick(self.ui, "Style or format")
        pick(self.ui, "Auto Set (local)")
        self.ui.wait_for_text("The longest row has", "auto-choices", timeout=90)
        self.take("02-auto-set-says-why", WHOLE)
        pick(self.ui, "Quick local test")

    def expert(self) -> None:
        self.resize(TALL)
        pick(self.ui, "Expert")
        self.ui.wait_for_text("Every setting of a run")
        self.take("03-expert", TALL)
        self.ui.fill("Search settings", "weight decay")
        self.ui.fill("Weight decay", "-3")
        self.ui.wait_for_text("1 to correct", "group-learning")
        self.take("03-expert-found-and-wrong", TALL)
        self.ui.fill("Weight decay", "0.01")
        self.ui.into_field("Search settings")
        self.ui.page.keyboard.press("Control+A")
        self.ui.page.keyboard.press("Delete")
        pick(self.ui, "Beginner")

    def setups(self) -> None:
        self.resize(WIDE)
        self.ui.click("Save setup")
        self.ui.fill("Name", "Ferries, first try")
        self.take("04-saving-a-setup")
        self.ui.page.get_by_role("button", name="Save setup", exact=True).last.click()
        self.ui.wait_for_text("Saved as", "setup-saved")
        self.ui.choose_option("saved-setup", "Ferries, first try · here")
        self.ui.click("Load")
        self.ui.wait_for_text("Loaded", "setup-outcome")
        self.take("04-a-setup-loaded")

    def targets(self) -> None:
        self.ui.choose_option("target", "Local (Docker)")
        self.ui.wait_for_text("Not ready", "ready-state", timeout=60)
        self.take("05-docker-is-not-there", TALL)
        self.resize(TALL)
        self.ui.choose_option("target", "Hugging Face Jobs")
        self.ui.wait_for_text("Write the script")
        self.take("05-a-hugging-face-job", TALL)
        self.resize(WIDE)
        self.ui.choose_option("target", "This computer (no Docker)")

    def checks(self) -> None:
        self.is_ready()
        self.ui.wait_for_text("Ready|warning", "ready-state", timeout=60)
        self.ui.page.get_by_role("button", name=re.compile("details", re.IGNORECASE)).first.click()
        self.ui.wait_for_text("Check again", "ready-details")
        self.take("06-what-the-run-will-take", TALL)
        self.ui.page.get_by_role("button", name=re.compile("details", re.IGNORECASE)).first.click()

    def running(self) -> None:
        self.resize(WHOLE)
        pick(self.ui, "Quick local test")
        self.ui.fill("Max steps", "3000")  # enough for all that is done while it runs
        self.ui.click("Start training")
        self.ui.wait_for_text(r"Step \d", "run-step", timeout=180)
        self.ui.wait_for_text(r"at step ([2-9]\d|1[5-9])", "loss-chart", timeout=240)
        self.take("07-running", TALL)
        self.take("07-running-dark", dark=True)
        self.show("=run-status")
        self.take("07-running-narrow", NARROW)

    def asked_to_stop(self) -> None:
        self.resize(WIDE)
        self.ui.wait_for_text(r"at step \d", "loss-chart", timeout=60)  # drawn anew in its two columns
        self.ui.click("Stop")
        self.ui.wait_for_text("is lost|lost")
        self.take("08-stop-asks")
        self.ui.page.keyboard.press("Escape")
        self.ui.click("Stop and save")
        self.ui.wait_for_text("Stopped", "run-status", timeout=180)
        self.take("08-stopped", TALL)
        self.ui.click("Train longer…")
        self.ui.wait_for_text("Train longer")
        self.take("08-train-longer-asks")
        self.ui.page.keyboard.press("Escape")

    def finished(self) -> None:
        """Of a preset, not of what was typed for `running`."""
        self.resize(WHOLE)
        pick(self.ui, "Auto Set (local)")
        self.ui.wait_for_text("The longest row has", "auto-choices", timeout=90)
        pick(self.ui, "Quick local test")
        self.ui.click("Start training")
        self.ui.wait_for_text("Running|Starting", "run-status", timeout=60)
        self.ui.wait_for_text("Finished", "run-status", timeout=480)
        self.ui.page.wait_for_timeout(2000)
        self.take("09-finished", TALL)
        self.take("09-finished-dark", dark=True)
        self.show("=run-status")
        self.take("09-finished-narrow", NARROW)
        self.resize(WHOLE)
        self.ui.click("Chart settings")
        self.ui.wait_for_text("Logarithmic axis", "chart-settings")
        self.take("09-chart-settings", TALL)
        self.ui.click("Hide chart settings")

    def chat(self) -> None:
        self.resize(WHOLE)
        pick(self.ui, "Deterministic")
        ask(self.ui, 1, QUESTION)
        self.take("10-talking-to-it", WHOLE)

    def history(self) -> None:
        self.resize(HIGH)
        compare = self.ui.page.get_by_role("button", name=re.compile("^Compare (?!methods)"))
        chosen = self.ui.page.get_by_role("button", name=re.compile("^Stop comparing ."))
        for count in (1, 2):
            compare.first.click()
            self._wait_for(chosen, count)
        self.ui.wait_for_text("Compare 2 runs", "compare")
        self.take("11-history-and-two-runs-compared", HIGH, from_piece='="compare"')
        self.ui.page.get_by_role("button", name=re.compile("^Delete ")).last.click()
        self.ui.wait_for_text("Also delete its files")
        self.take("11-deleting-asks-about-files")
        self.ui.page.keyboard.press("Escape")
        self.resize(WHOLE)
        self.ui.click("Import a run…")
        self.ui.wait_for_text("Import a finished run")
        self.take("11-importing-a-run")
        self.ui.page.keyboard.press("Escape")
        self.show('^="history-"', above=560)  # the column ends with it
        self.take("11-history-narrow", NARROW)

    def queue(self) -> None:
        self.resize(WHOLE)
        self.ui.click("Queue")
        self.ui.click("Pause")
        self.ui.wait_for_text("Go on", "queue")
        for count in (1, 2):
            self.ui.click("Add to queue")
            self._wait_for_queue(count)
        self.take("12-a-paused-queue", WHOLE)

    def failure(self) -> None:
        """A clone of the run before, whose card tells where it comes from; then its trainer is killed."""
        self.resize(HIGH)
        self._have_a_run()
        self._piece('^="more-"').first.click()
        self.ui.page.get_by_role("menuitem", name=re.compile("^Clone")).first.click()
        self.ui.wait_for_text("form", "history-told")
        self.ui.fill("Max steps", "3000")
        self.ui.click("Start training")
        self.ui.wait_for_text("Running", "run-status", timeout=120)
        self.ui.wait_for_text(r"at step ([89]|[1-9]\d)", "loss-chart", timeout=240)
        kill_newest(self._home)
        self.ui.wait_for_text("Failed", "run-status", timeout=60)
        self.ui.wait_for_text("Copy diagnostics")
        self.take("13-failed", TALL)
        self.take("13-failed-dark", dark=True)
        self.show("=run-status")
        self.take("13-failed-narrow", NARROW)

    def talking(self) -> None:
        """The Inference tab."""
        self.ui.go_to("Training")
        self._have_a_run()
        talking_states.inference(self)

    def export(self) -> None:
        self.resize(WIDE)
        self.ui.go_to("Training")
        self._have_a_run()
        talking_states.export(self)

    def rows(self) -> None:
        data_states.rows(self)

    def importing(self) -> None:
        data_states.importing(self)

    def merging(self) -> None:
        data_states.merging(self)

    def rented(self, runpod: RunpodEmulator) -> None:
        """Of an app of its own, whose Runpod is that."""

        def rented() -> None:
            renting_states.rented(self, runpod)

        self.step(rented)

    def in_docker(self) -> None:
        """Where an engine answers."""
        docker_states.care(self)

    def settings(self) -> None:
        self.resize(WHOLE)
        self.ui.go_to("Settings")
        self.ui.wait_for_text("Disk", "findings", timeout=60)
        self.take("15-settings", WHOLE)
        self.take("15-settings-dark", dark=True)
        self.take("15-settings-narrow", NARROW)

    def offline(self) -> None:
        self.resize(TALL)
        self.ui.go_to("Settings")
        self.ui.page.get_by_role("switch", name="Offline mode").first.click()
        self.ui.wait_for_text("Offline mode is on", "offline-banner")
        self.ui.go_to("Training")
        self.ui.wait_for_text("Hugging Face", "source-offline")
        self.take("14-offline", TALL)

    def _wait_for_queue(self, count: int) -> None:
        self._wait_for(self._piece('^="queued-"'), count)

    def _wait_for(self, pieces: Locator, count: int) -> None:
        self.ui.wait_for(lambda: pieces.count() == count, lambda: f"{pieces.count()} instead of {count}", 60)

    def is_ready(self) -> None:
        button = self.ui.button("Start training")
        self.ui.wait_for(button.is_enabled, lambda: str(self.ui.text("start-reason")), 60)


def kill_newest(home: Path) -> None:
    """The trainer of the run that was started last, as a machine short of memory would."""
    newest = max(home.rglob("job.json"), key=lambda file: file.stat().st_mtime)
    os.kill(int(json.loads(newest.read_text())["child_pid"]), signal.SIGKILL)
