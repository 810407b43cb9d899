"""Make the pictures of docs/images anew, from the real app: `python scripts/take_screenshots.py`.

Starts the app with a home of its own in a temporary folder, trains the bundled tiny model on the sample
with the Quick local test preset, asks its result and its base the same question, and keeps four pictures of
1280 × 800: data-light, training-light, training-dark, chat-light. Takes a minute or two and needs the extras
`local` and `dev` and a Chromium (`CHROMIUM=/path/to/it`, else the system's, else Playwright's own).
`--everything FOLDER` also keeps every screen there, light and dark, wide and narrow, to look at.
`--states` takes docs/images/states instead: every state of the Training tab, in some minutes; or only the
named ones, like `--states first_sight queue`. `--rented` takes those of a rented GPU, at the tests' emulator;
`--docker` those of Docker, under `scripts/with-engine.sh`.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.training_states import States  # noqa: E402
from tests.e2e.conftest import RunningApp, end_runs_in, launch  # noqa: E402
from tests.e2e.flet_ui import FletUI  # noqa: E402
from tests.emulators.runpod.server import RunpodEmulator  # noqa: E402
from tests.launchers.rented_place import trainer_image  # noqa: E402

IMAGES = ROOT / "docs/images"
SAMPLE = ROOT / "assets/sample/ferry-help-desk.jsonl"
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 420, "height": 800}
MOST_BYTES = 200 * 1024


class Camera:
    """Keeps pictures of a page: named ones for the docs, all others only if a folder was given."""

    def __init__(self, ui: FletUI, everything: Path | None) -> None:
        self.ui = ui
        self._everything = everything

    def for_docs(self, name: str) -> None:
        picture = self._take(IMAGES / f"{name}.png")
        print(f"{picture.relative_to(ROOT)}: {picture.stat().st_size // 1024} kB")
        assert picture.stat().st_size < MOST_BYTES, f"{picture} is too big for the docs"

    def look(self, name: str) -> None:
        """The screen as it is, light and dark, wide and narrow."""
        if self._everything is None:
            return
        for theme in ("light", "dark"):
            self.ui.page.emulate_media(color_scheme=theme)
            for shape, size in (("wide", WIDE), ("narrow", NARROW)):
                self.ui.page.set_viewport_size(size)
                self._take(self._everything / f"{name}-{theme}-{shape}.png")
        self.ui.page.set_viewport_size(WIDE)
        self.ui.page.emulate_media(color_scheme="light")

    def _take(self, path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.ui.page.mouse.move(2, 2)
        self.ui.page.wait_for_timeout(900)  # ripples, tooltips and scrollbars fade
        self.ui.page.screenshot(path=str(path))
        return path


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--everything", type=Path, metavar="FOLDER")
    parser.add_argument("--states", nargs="*", metavar="STEP")
    parser.add_argument("--rented", action="store_true")
    parser.add_argument("--docker", action="store_true")
    args = parser.parse_args()
    everything = args.everything
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright, ExitStack() as while_open:
        runpod = while_open.enter_context(emulated_runpod(Path(home))) if args.rented else None
        app = RunningApp(Path(home) / "tunewright").start()
        chromium = launch(playwright)
        try:
            page = chromium.new_page(viewport=WIDE, color_scheme="light")
            ui = FletUI(page).open(app.url)
            ui.at_rest()
            if runpod is not None:
                take_states(ui, app.home, lambda states: states.rented(runpod))
            elif args.docker:
                take_states(ui, app.home, lambda states: states.step(states.in_docker))
            elif args.states is not None:
                take_states(ui, app.home, lambda states: states.go_through(args.states))
            else:
                take_all(ui, Camera(ui, everything))
        finally:
            chromium.close()
            app.stop()
            end_runs_in(app.home)


@contextmanager
def emulated_runpod(folder: Path) -> Iterator[RunpodEmulator]:
    """For every app that is started from now on."""
    images = trainer_image(ROOT / "trainer_image/train.py", OMP_NUM_THREADS="1")
    with RunpodEmulator(folder / "runpod", images=images) as runpod:
        os.environ.update(runpod.environment())
        yield runpod


def take_states(ui: FletUI, home: Path, go: Callable[[States], None]) -> None:
    states = States(ui, IMAGES / "states", home)
    go(states)
    if states.failed:
        raise SystemExit("\n\n".join(["Not all states were reached:", *states.failed]))


def take_all(ui: FletUI, camera: Camera) -> None:
    """The whole journey, from the data to a chat."""
    ui.click("Ferry help desk", exact=False)
    ui.wait_for_text("Ahoy!", "rows")
    camera.for_docs("data-light")
    camera.look("data")
    train(ui, camera)
    talk(ui, camera)
    ui.go_to("Settings")
    ui.wait_for_text("Disk", "findings", timeout=60)
    camera.look("settings")


def train(ui: FletUI, camera: Camera) -> None:
    ui.go_to("Training")
    ui.wait_for(lambda: ui.button("Start training").is_enabled(), lambda: str(ui.text("start-reason")))
    camera.look("training-empty")
    ui.click("Start training")
    ui.wait_for_text(r"Step \d", "run-step", timeout=120)
    camera.look("training-running")
    ui.wait_for_text("Finished", "run-status", timeout=240)
    ui.wait_for_text("Run Inference")
    camera.for_docs("training-light")
    ui.page.emulate_media(color_scheme="dark")
    camera.for_docs("training-dark")
    ui.page.emulate_media(color_scheme="light")
    camera.look("training-finished")


def talk(ui: FletUI, camera: Camera) -> None:
    question = json.loads(SAMPLE.read_text(encoding="utf-8").splitlines()[0])["messages"][0]["content"]
    pick(ui, "Deterministic")
    ask(ui, 1, question)
    pick(ui, "Base model")
    ask(ui, 2, question)
    scroll(ui.page, to="chat-turns")
    camera.for_docs("chat-light")
    camera.look("chat")


def ask(ui: FletUI, number: int, question: str) -> None:
    ui.fill("Prompt", question)
    ui.click("Run Inference")
    ui.wait_for_text(r"\S", f"chat-answer-{number}", timeout=120)
    ui.wait_for(lambda: ui.identified("chat-progress").count() == 0, lambda: str(ui.text()), 120)


def pick(ui: FletUI, name: str) -> None:
    choices = [ui.page.get_by_role(role, name=name, exact=True) for role in ("radio", "checkbox", "button")]
    choices[0].or_(choices[1]).or_(choices[2]).first.click()


def scroll(page: Page, *, to: str) -> None:
    """Until the end of a piece of the right column stands at the bottom of the window."""
    piece = page.locator(f'[flt-semantics-identifier="{to}"]')
    page.mouse.move(900, 400)
    for _ in range(30):
        box = piece.bounding_box() if piece.count() else None
        if box is not None and box["y"] + box["height"] < WIDE["height"] - 10:
            return
        page.mouse.wheel(0, 100)
        page.wait_for_timeout(100)


if __name__ == "__main__":
    main()
