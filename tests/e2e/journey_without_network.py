"""A new user's whole journey, app and browser: `python -m tests.e2e.journey_without_network HOME`.

For a place without network: run through `app.worker.cut_off`, everything it starts has the loopback and no
other device. Ends with one line of JSON, `Account`, that says what was reached and what the kernel counted.
"""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Page, Request, sync_playwright

from tests.e2e.conftest import RunningApp, launch
from tests.e2e.flet_ui import FletUI
from tests.e2e.test_journey import ask, pick

STEPS = 4
QUESTION = "Which harbour does Saltby have?"


@dataclass(frozen=True)
class Account:
    """What the journey came to, and what the kernel says of the network it was made in."""

    curve: str
    """The loss curve as a screen reader is told of it."""
    answer: str
    asked_by_page: list[str]
    """Every host that the page asked for anything and was not kept from by its own policy."""
    sent: dict[str, int]
    """Packets sent by each network device there is."""
    routes: list[str]


def main() -> None:
    home = Path(sys.argv[1])
    app = RunningApp(home)
    with sync_playwright() as playwright:
        chromium = launch(playwright)
        page = chromium.new_page(viewport={"width": 1280, "height": 2400})  # all of the form in sight
        hosts: set[str] = set()
        listen(page, hosts)
        try:
            curve, answer = travel(FletUI(page).open(app.start().url))
        finally:
            chromium.close()
            app.stop()
    print(json.dumps(asdict(Account(curve, answer, sorted(hosts), packets_sent(), routes()))))


def listen(page: Page, hosts: set[str]) -> None:
    """Note whom the page asks. Flet's client tries a CDN, which the app's policy does not let out."""

    def note(request: Request) -> None:
        if request.failure != "csp":
            hosts.add(urlsplit(request.url.removeprefix("blob:")).hostname or request.url[:40])

    page.on("requestfinished", note)
    page.on("requestfailed", note)
    page.on("websocket", lambda socket: hosts.add(urlsplit(socket.url).hostname or socket.url[:40]))


def travel(ui: FletUI) -> tuple[str, str]:
    """Offline mode on, the sample, a preset, a run, its curve, an answer of the result."""
    ui.wait_for_text("Ferry help desk")
    ui.go_to("Settings")
    ui.page.get_by_role("switch", name="Offline mode").first.click()
    ui.wait_for_text("Offline mode is on", "offline-banner")
    ui.go_to("Training")
    ui.wait_for(lambda: ui.button("Start training").is_enabled(), lambda: str(ui.text("start-reason")))
    pick(ui, "Quick local test")
    ui.fill("Max steps", str(STEPS))
    ui.click("Start training")
    ui.wait_for_text("Finished", "run-status", timeout=120)
    curve = ui.wait_for_text(rf"at step {STEPS}\b", "loss-chart")
    answer = ask(ui, 1, QUESTION)
    ui.screenshot("without-network")
    return curve, answer


def packets_sent() -> dict[str, int]:
    lines = Path("/proc/self/net/dev").read_text().splitlines()[2:]
    return {
        name.strip(): int(numbers.split()[9]) for name, _, numbers in (line.partition(":") for line in lines)
    }


def routes() -> list[str]:
    """By which a packet could leave; the loopback's own are in another table."""
    return Path("/proc/self/net/route").read_text().splitlines()[1:]


if __name__ == "__main__":
    main()
