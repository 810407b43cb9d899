"""The whole journey by keyboard, and a name for everything a screen reader meets."""

import re
from itertools import pairwise

import pytest

from app.services.library import SAMPLE_NAME
from tests.e2e.flet_ui import FletUI

pytestmark = pytest.mark.browser

_HAS_NO_NAME = re.compile(
    r"^\s*- (button|checkbox|textbox|slider|switch|radio|combobox|tab|menuitem|link|spinbutton)(?! \")"
)
_WITH_FOCUS = """() => {
    const at = document.activeElement;
    return at.getAttribute('aria-label') || at.innerText || at.value || at.tagName;
}"""


def focus(ui: FletUI) -> str:
    """What has the focus, as a screen reader says it."""
    return str(ui.page.evaluate(_WITH_FOCUS))


def tab_to(ui: FletUI, name: str) -> None:
    """Press Tab until that has the focus: the columns beside each other are gone through row by row."""
    seen: list[str] = []
    while not (seen and seen[-1].startswith(name)):
        assert len(seen) < 40, f"{name!r} is never reached: {[text[:40] for text in seen]}"
        ui.page.keyboard.press("Tab")
        ui.page.wait_for_timeout(60)
        seen.append(focus(ui))


def jump_to(ui: FletUI, name: str) -> None:
    """Press F6 until that has the focus."""
    seen: list[str] = []
    while not (seen and seen[-1].startswith(name)):
        assert len(seen) < 8, f"{name!r} is never reached: {[text[:40] for text in seen]}"
        ui.page.keyboard.press("F6")
        ui.page.wait_for_timeout(300)
        seen.append(focus(ui))


def nameless(ui: FletUI) -> list[str]:
    """What could be pressed or filled on the screen, and has no name. As a screen reader is given it."""
    lines = ui.page.locator("flt-semantics-host").aria_snapshot().splitlines()
    assert len(lines) > 10, lines
    # A button that opens a menu has its name in the group around it.
    return [line for above, line in pairwise(lines) if _HAS_NO_NAME.match(line) and '- group "' not in above]


def test_from_the_start_to_an_answer_by_keyboard_alone(ui: FletUI):
    ui.wait_for_text(re.escape(SAMPLE_NAME), "sessions")
    ui.page.keyboard.press("Control+2")
    ui.wait_for_text("344 rows")
    jump_to(ui, "Start training")
    ui.page.keyboard.press("Enter")
    ui.wait_for_text("Finished", "run-status", timeout=90)

    jump_to(ui, "Talk to it")
    ui.page.keyboard.press("Enter")
    question = ui.wait_for_text(r"\S", "sample-0")
    ui.wait_for(lambda: question in focus(ui), lambda: focus(ui))
    ui.page.keyboard.press("Enter")
    ui.wait_for(lambda: ui.button("Run Inference").is_enabled(), lambda: str(ui.text("chat-run")))
    tab_to(ui, "Run Inference")
    ui.page.keyboard.press("Enter")

    ui.wait_for_text(re.escape(question), "chat-turns", timeout=60)
    ui.wait_for_text(r"\S", "chat-answer-1", timeout=60)


def test_everything_that_can_be_pressed_or_filled_has_a_name(ui: FletUI):
    found = {}
    ui.wait_for_text(re.escape(SAMPLE_NAME), "sessions")
    ui.page.get_by_role("button", name=re.compile(re.escape(SAMPLE_NAME))).first.click()
    ui.wait_for_text("Ahoy!", "rows")
    found["Data"] = nameless(ui)
    for tab, word in {
        "Training": "344 rows",
        "Inference": "are free",
        "Merge": "Merge",
        "Settings": "free for",
    }.items():
        ui.go_to(tab)
        ui.wait_for_text(word)
        found[tab] = nameless(ui)
    ui.go_to("Training")
    ui.click("Expert")
    ui.wait_for_text("Learning rate")
    found["Expert"] = nameless(ui)

    assert {tab: names for tab, names in found.items() if names} == {}
