"""A person's way around the app: look, import, rename, export, delete, switch the looks."""

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from app.services.library import SAMPLE_NAME
from tests.e2e.conftest import RunningApp
from tests.e2e.flet_ui import FletUI

pytestmark = pytest.mark.browser

BY_POLICY = {"csp", "net::ERR_BLOCKED_BY_CSP"}
"""What Chromium says of a request that the page's content security policy stopped."""


def test_the_sample_is_there_and_its_rows_can_be_read(ui: FletUI):
    ui.screenshot("data-light")
    choose(ui, SAMPLE_NAME)

    ui.wait_for_text("Ahoy!", "rows")
    ui.screenshot("session-light")


def test_a_file_is_imported_through_the_browsers_own_chooser(ui: FletUI, tmp_path: Path, app: RunningApp):
    file = mixed_file(tmp_path)

    import_file(ui, file)
    ui.wait_for_text("40 rows imported, 2 refused", "import-outcome")
    refused = ui.wait_for_text("Line 42", "refused-rows")
    ui.screenshot("imported-light")
    ui.click("Show the rows")

    assert "the line is not JSON" in refused
    assert "the answer is empty" in refused
    ui.wait_for_text("How far is island 1", "rows")
    assert list((app.home / "uploads").iterdir()) == []


def test_a_useless_file_is_explained_and_the_app_goes_on(ui: FletUI, tmp_path: Path):
    file = tmp_path / "letter.jsonl"
    file.write_text("Dear ferry company,\n")

    import_file(ui, file)
    ui.wait_for_text("No row of letter.jsonl can be used", "problem")
    ui.screenshot("import-refused-light")
    ui.click("Dismiss")

    expect(ui.identified("problem")).to_have_count(0)
    choose(ui, SAMPLE_NAME)
    ui.wait_for_text("Ahoy!", "rows")


def test_a_session_is_renamed_exported_downloaded_and_deleted(ui: FletUI, tmp_path: Path, app: RunningApp):
    import_file(ui, mixed_file(tmp_path))
    ui.wait_for_text("40 rows imported", "import-outcome")
    ui.click("Show the rows")

    ui.click("Rename session")
    ui.fill("Name", "Island distances")
    ui.click("Save name")
    ui.wait_for_text("Island distances", "sessions")

    ui.click("Export JSONL")
    ui.wait_for_text("40 rows written to", "exported")
    with ui.page.expect_download() as download:
        ui.click("Download the file")
    [exported] = (app.home / "exports").iterdir()
    assert Path(download.value.path()).read_bytes() == exported.read_bytes()
    lines = exported.read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[0])["messages"][1]["content"] == "Island 1 is 3 miles away."
    assert len(lines) == 40

    ui.click("Delete session")
    ui.wait_for_text("Runs that used it keep their own copy")
    ui.screenshot("delete-light")
    ui.click("Delete")
    ui.wait_for(lambda: "Island distances" not in (ui.text() or ""), lambda: str(ui.text()))


def test_the_theme_is_switched_and_still_there_in_another_window(
    ui: FletUI, browser: Browser, app: RunningApp
):
    ui.go_to("Settings")
    ui.wait_for_text("Appearance")
    light = brightness(ui.page)
    ui.page.get_by_role("button", name="Dark").or_(ui.page.get_by_role("radio", name="Dark")).or_(
        ui.page.get_by_role("checkbox", name="Dark")
    ).first.click()
    ui.wait_for(lambda: brightness(ui.page) < 80, lambda: f"brightness {brightness(ui.page)}")
    ui.screenshot("settings-dark")

    other = FletUI(browser.new_page(viewport={"width": 1280, "height": 800})).open(app.url)
    other.wait_for_text("Import data")

    assert light > 200
    other.wait_for(lambda: brightness(other.page) < 80, lambda: f"brightness {brightness(other.page)}")
    other.page.close()


def test_settings_say_what_was_found_here(ui: FletUI, app: RunningApp):
    ui.go_to("Settings")

    ui.wait_for_text("free for", "findings")
    assert str(app.home) in (ui.text() or "")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("name", "width"), [("wide", 1280), ("narrow", 420)])
def test_every_tab_can_be_reached_in_every_look(
    browser: Browser, app: RunningApp, tmp_path: Path, scheme: str, name: str, width: int
):
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    ui = FletUI(context.new_page()).open(app.url)
    look = f"{scheme}-{name}"

    ui.wait_for_text(re.escape(SAMPLE_NAME), "sessions")
    ui.screenshot(f"{look}-data")
    choose(ui, SAMPLE_NAME)
    ui.wait_for_text("Ahoy!", "rows")
    ui.screenshot(f"{look}-session")
    if width < 700:
        ui.click("All sessions")
    import_file(ui, mixed_file(tmp_path))
    ui.wait_for_text("40 rows imported", "import-outcome")
    ui.screenshot(f"{look}-import")
    ui.go_to("Training")
    ui.wait_for_text("What it shall learn")
    ui.screenshot(f"{look}-training")
    ui.go_to("Settings")
    ui.wait_for_text("free for", "findings")
    ui.screenshot(f"{look}-settings")
    context.close()


def test_nothing_is_fetched_from_anywhere_else(page: Page, app: RunningApp):
    reached: list[str] = []
    page.on("response", lambda response: reached.append(response.url))
    # Of what failed only the page's own policy counts as not asked for: there may be no network here.
    page.on("requestfailed", lambda r: reached.append(r.url) if r.failure not in BY_POLICY else None)

    ui = FletUI(page).open(app.url)
    ui.wait_for_text("Import data")
    ui.wait_for(lambda: any("Inter-Regular.otf" in url for url in reached), lambda: f"no font in {reached}")

    assert {url for url in reached if not url.startswith((app.url, "blob:", "data:"))} == set()


@pytest.mark.parametrize(
    ("drawn_by", "is_still"),
    [
        ("ANGLE (Google, Vulkan 1.3.0 (SwiftShader Device (Subzero)), SwiftShader driver)", True),
        ("llvmpipe (LLVM 15.0.7, 256 bits)", True),
        ("ANGLE (NVIDIA, NVIDIA GeForce RTX 4090 Direct3D11 vs_5_0 ps_5_0)", False),
    ],
)
def test_without_a_graphics_card_the_page_leaves_out_what_only_moves(
    page: Page, app: RunningApp, drawn_by: str, is_still: bool
):
    page.add_init_script(f"WebGLRenderingContext.prototype.getParameter = () => {json.dumps(drawn_by)};")
    page.goto(app.url, wait_until="domcontentloaded")

    assert page.evaluate("matchMedia('(prefers-reduced-motion: reduce)').matches") is is_still
    assert page.evaluate("matchMedia('(min-width: 100px)').matches")


def test_another_site_cannot_reach_the_app(page: Page, app: RunningApp, other_site: str):
    page.goto(other_site)
    page.get_by_text("Another site").wait_for()
    of_another = socket_of(page, app)
    page.goto(app.url)

    assert of_another == "refused"
    assert socket_of(page, app) == "open"


@pytest.fixture
def other_site() -> Iterator[str]:
    """On this computer, too: before a page from elsewhere may reach here, newer browsers ask the person."""
    with ThreadingHTTPServer(("127.0.0.1", 0), OtherSite) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class OtherSite(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<p>Another site</p>")


def socket_of(page: Page, app: RunningApp) -> str:
    """What becomes of a socket that a script of this page asks the app for."""
    return page.evaluate(
        """address => new Promise(done => {
            const socket = new WebSocket(address);
            socket.onopen = () => done('open');
            socket.onerror = () => done('refused');
        })""",
        app.url.replace("http", "ws") + "ws",
    )


def mixed_file(tmp_path: Path) -> Path:
    """Forty good rows, then one that is no JSON and one without an answer."""
    good = [
        json.dumps({"prompt": f"How far is island {n}?", "completion": f"Island {n} is {n * 3} miles away."})
        for n in range(1, 41)
    ]
    path = tmp_path / "islands.jsonl"
    path.write_text("\n".join([*good, "{oops", '{"prompt": "And now?", "completion": ""}']) + "\n")
    return path


def choose(ui: FletUI, session: str) -> None:
    ui.page.get_by_role("button", name=re.compile("^" + re.escape(session))).first.click()


def import_file(ui: FletUI, file: Path) -> None:
    ui.click("Import data")
    ui.wait_for_text("From a file")
    with ui.page.expect_file_chooser() as chooser:
        ui.click("Choose a file…")
    chooser.value.set_files(str(file))
    ui.wait_for_text(file.name)
    ui.click("Import")


def brightness(page: Page) -> float:
    """Of the page's top right corner, 0 to 255: Flutter draws, so only a picture tells."""
    picture = page.screenshot(clip={"x": 1200, "y": 4, "width": 8, "height": 8}, type="png")
    return page.evaluate(
        """async data => {
            const picture = await createImageBitmap(new Blob([new Uint8Array(data)], {type: 'image/png'}));
            const canvas = new OffscreenCanvas(8, 8).getContext('2d');
            canvas.drawImage(picture, 0, 0);
            const bytes = canvas.getImageData(0, 0, 8, 8).data;
            return bytes.filter((_, i) => i % 4 < 3).reduce((a, b) => a + b, 0) / (64 * 3);
        }""",
        list(picture),
    )
