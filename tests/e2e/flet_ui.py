"""Drive the app's page through what a screen reader is given: Flutter draws all else on a canvas."""

import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from playwright.sync_api import Error, Locator, Page, TimeoutError, ViewportSize, expect

from app.ui.theme import NARROW_BELOW

PATIENCE_SECONDS = 20.0

# Text may live in a span, in an aria-label or in an input's value.
_TEXT_OF = """id => {
    const root = document.querySelector(id ? `[flt-semantics-identifier="${id}"]` : 'flt-semantics-host');
    if (!root) return null;
    const out = [];
    const walk = node => {
        if (node.nodeType === 3) { out.push(node.data); return; }
        if (node.nodeType !== 1) return;
        const label = node.getAttribute('aria-label');
        if (label) out.push(label);
        if (node.tagName === 'INPUT' || node.tagName === 'TEXTAREA') out.push(node.value);
        node.childNodes.forEach(walk);
    };
    walk(root);
    return out.join(' ').trim();
}"""

_HAS_FOCUS = """([x, y]) => {
    const box = document.activeElement.getBoundingClientRect();
    return document.activeElement.matches('input, textarea')
        && box.left <= x && x <= box.right && box.top <= y && y <= box.bottom;
}"""


class FletUI:
    """One open page of the app."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def open(self, url: str) -> "FletUI":
        """Go to the app, switch its semantics on, and wait until it shows something."""
        self.page.goto(url)
        switch = self.page.locator("flt-semantics-placeholder")
        switch.wait_for(state="attached", timeout=60_000)
        switch.evaluate("element => element.click()")  # one pixel, off-screen: no mouse reaches it
        self.page.locator("flt-semantics-host flt-semantics").first.wait_for(state="attached", timeout=60_000)
        return self

    def at_rest(self) -> "FletUI":
        """Once the first tab has its list: from then on nothing moves by itself."""
        self.wait_for_text("344 rows", "sessions", timeout=60)
        return self

    def identified(self, identifier: str) -> Locator:
        return self.page.locator(f'[flt-semantics-identifier="{identifier}"]')

    def text(self, identifier: str = "") -> str | None:
        """All that can be read in a piece of the screen, or on the whole; None if it is not there."""
        return self.page.evaluate(_TEXT_OF, identifier)

    def wait_for_text(self, pattern: str, identifier: str = "", *, timeout: float = PATIENCE_SECONDS) -> str:
        """Until the text there matches; the failure says what stood there instead."""
        found: list[str | None] = [None]

        def matches() -> bool:
            found[0] = self.text(identifier)
            return found[0] is not None and re.search(pattern, found[0]) is not None

        self.wait_for(matches, lambda: f"{identifier or 'page'}: {found[0]!r} has no {pattern!r}", timeout)
        return found[0] or ""

    def wait_for(
        self, condition: Callable[[], bool], failure: Callable[[], str], timeout: float = PATIENCE_SECONDS
    ) -> None:
        end = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < end, failure()
            self.page.wait_for_timeout(50)

    def button(self, name: str, *, exact: bool = True) -> Locator:
        return self.page.get_by_role("button", name=name, exact=exact)

    def click(self, name: str, *, exact: bool = True) -> None:
        """Click once, as soon as the button stands still. Headless Chromium once drew no frame for 30 s.

        Only the look is repeated: a click that is not confirmed in time may have been one.
        """
        button = self.button(name, exact=exact).first
        for _ in range(2):
            try:
                button.click(timeout=10_000, trial=True)
            except TimeoutError:
                self._wake()
                continue
            break
        button.click()

    def _wake(self) -> None:
        """Have the browser draw the page again: a picture takes a frame."""
        self.page.bring_to_front()
        with suppress(Error):
            self.page.screenshot(timeout=10_000)

    def resize(self, size: ViewportSize) -> None:
        """And wait until the tabs lie where they belong: until then Tab leads elsewhere, clicks go beside."""
        self.page.set_viewport_size(size)
        bar, rail = self.identified("navigation-bar"), self.identified("navigation")
        there, gone = (bar, rail) if size["width"] < NARROW_BELOW else (rail, bar)
        if there.count() or gone.count():  # neither lies under a dialog
            self.wait_for(lambda: there.count() > 0 == gone.count(), lambda: "the layout stays as it was")

    def go_to(self, tab: str) -> None:
        """Choose a tab in the rail or, where the window is narrow, in the bar."""
        role = self.page.get_by_role("tab", name=re.compile(f"^{tab}"))
        role.or_(self.page.get_by_role("button", name=re.compile(f"^{tab}"))).first.click()

    def field(self, label: str) -> Locator:
        return self.page.get_by_label(label, exact=True)

    def fill(self, label: str, text: str) -> None:
        """Type over what is in a field, again if Flutter missed a key."""
        field = self.field(label)
        for attempt in range(3):
            self.into_field(label)
            self.page.keyboard.press("Control+A")
            self.page.keyboard.type(text, delay=5 * attempt)
            try:
                expect(field).to_have_value(text, timeout=2000)
            except AssertionError:
                continue
            return
        expect(field).to_have_value(text)

    def into_field(self, label: str) -> None:
        """Click into a field; until it has the focus, keys would go to the one before."""
        field = self.field(label)
        field.click(position={"x": 24, "y": 20})  # its help text lies over the middle
        with suppress(TimeoutError):  # with the focus, an empty one shows a hint and has another name
            if box := field.bounding_box(timeout=500):
                self.page.wait_for_function(_HAS_FOCUS, arg=[box["x"] + 24, box["y"] + 20], timeout=1000)

    def choose_option(self, dropdown: str, option: str) -> None:
        """Open a dropdown by its identifier and take an option; again if its list was not complete yet."""
        roles = ("menuitem", "option", "button")
        found = [self.page.get_by_role(role, name=option, exact=True) for role in roles]
        choice = found[0].or_(found[1]).or_(found[2]).first
        for _ in range(4):
            self.identified(dropdown).first.click(force=True)  # once chosen from, it lies under the view
            try:
                choice.wait_for(timeout=3000)
            except TimeoutError:
                self.page.keyboard.press("Escape")
                continue
            choice.click()
            return
        raise AssertionError(f"no {option!r} in {dropdown!r}: {self.text()}")

    def screenshot(self, name: str) -> None:
        """Keep a picture in the folder named by TUNEWRIGHT_SHOTS; nothing without it."""
        folder = os.environ.get("TUNEWRIGHT_SHOTS")
        if not folder:
            return
        Path(folder).mkdir(parents=True, exist_ok=True)
        self.page.wait_for_timeout(400)  # let animations end: for the picture, not for the test
        try:
            self.page.screenshot(path=str(Path(folder) / f"{name}.png"))
        except Error as error:
            print(f"no screenshot {name}: {error}")
