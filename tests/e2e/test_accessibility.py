"""The whole journey by keyboard, and a name for everything a screen reader meets."""

import re
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import ViewportSize

from app.services.library import SAMPLE_NAME
from tests.e2e.flet_ui import FletUI
from tests.e2e.layout import faults_of_layout, height_of
from tests.e2e.test_journey import SAMPLE, pick

pytestmark = pytest.mark.browser

_SUBTITLES = {
    "Data": "What a model can learn from",
    "Training": "Make a model learn from",
    "Inference": "Talk to any model",
    "Merge": "Make one session of several",
    "Settings": "How Tunewright looks",
}
_HAS_NO_NAME = re.compile(
    r"^\s*- (button|checkbox|textbox|slider|switch|radio|combobox|tab|menuitem|link|spinbutton)(?! \")"
)
_WITH_FOCUS = """() => {
    const at = document.activeElement;
    return at.getAttribute('aria-label') || at.innerText || at.value || at.tagName;
}"""

_STATE = """() => {
    const at = document.activeElement, around = at.parentElement.closest('[role=group]');
    return [at.getAttribute('role'), at.getAttribute('aria-checked'), around.getAttribute('aria-label')];
}"""
_ONE_COLUMN: Final[ViewportSize] = {"width": 420, "height": 860}
"""So narrow that Tab goes down one column."""


def focus(ui: FletUI) -> str:
    """What has the focus, as a screen reader says it."""
    return str(ui.page.evaluate(_WITH_FOCUS))


def press_until(ui: FletUI, key: str, name: str, *, most: int) -> None:
    """Press that key until what has that name has the focus."""
    seen: list[str] = []
    while not (seen and seen[-1].startswith(name)):
        assert len(seen) < most, f"{name!r} is never reached: {[text[:40] for text in seen]}"
        ui.page.keyboard.press(key)
        ui.page.wait_for_timeout(300)
        seen.append(focus(ui))


def jump_to(ui: FletUI, name: str) -> None:
    press_until(ui, "F6", name, most=8)


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
    ui.wait_for(lambda: focus(ui).startswith("Run Inference"), lambda: focus(ui))
    ui.page.keyboard.press("Enter")

    ui.wait_for_text(re.escape(question), "chat-turns", timeout=60)
    ui.wait_for_text(r"\S", "chat-answer-1", timeout=60)


def test_a_file_a_place_and_a_method_are_chosen_by_keyboard_alone(ui: FletUI, tmp_path: Path):
    ui.wait_for_text(re.escape(SAMPLE_NAME), "sessions")
    import_by_keys(ui, tmp_path / "harbour.jsonl")
    ui.resize(_ONE_COLUMN)
    ui.page.keyboard.press("Control+2")
    ui.wait_for_text("Choose a dataset", "start-reason")

    tab_to(ui, "Expert")
    choose_by_arrows(ui, ["ArrowDown"], r"Training target: Local \(Docker", among="Runpod")
    tab_to(ui, "Docker image")
    press_until(ui, "Shift+Tab", "Expert", most=4)
    choose_by_arrows(ui, ["ArrowDown"], "Training target: This computer", among="Runpod")
    tab_to(ui, "File")
    choose_by_arrows(ui, ["ArrowDown"], "Session: (harbour|Ferry)", among=re.escape(SAMPLE_NAME))

    answer_by_key(ui, "Space", "What shall it learn?", "Everything", "SFT: every weight learns")
    answer_by_key(ui, "Enter", "Must it keep what it could before?", "Yes", "OSFT: new things")
    answer_by_key(ui, "Space", "What matters more?", "Little memory", "QLoRA: the model stays frozen")
    answer_by_key(ui, "Space", "What matters more?", "The result", "OSFT: new things")
    ui.wait_for(lambda: ui.button("Start training").is_enabled(), lambda: str(ui.text("start-reason")))
    jump_to(ui, "Start training")


def import_by_keys(ui: FletUI, file: Path) -> None:
    file.write_bytes(SAMPLE.read_bytes())
    tab_to(ui, "Import data")
    ui.page.keyboard.press("Enter")
    ui.wait_for_text("From a file")
    tab_to(ui, "Choose a file…")
    with ui.page.expect_file_chooser() as chooser:
        ui.page.keyboard.press("Enter")
    chooser.value.set_files(str(file))
    ui.wait_for_text("Rows are chat messages", "mapping-status")
    tab_to(ui, "Import")
    ui.page.keyboard.press("Enter")
    ui.wait_for_text("344 rows imported", "import-outcome")


def choose_by_arrows(ui: FletUI, keys: Sequence[str], chosen: str, *, among: str) -> None:
    """From the next list, whose first option is where the arrows begin; then what was chosen has the focus.

    The browser is not told of the focus on a list, nor of the option the arrows have come to.
    """
    for key in ("Tab", "Enter"):
        ui.page.wait_for_timeout(300)
        ui.page.keyboard.press(key)
    ui.wait_for_text(among)
    for key in (*keys, "Enter"):
        ui.page.wait_for_timeout(300)
        ui.page.keyboard.press(key)
    ui.wait_for(
        lambda: re.match(chosen, focus(ui)) is not None, lambda: f"no {chosen!r} is chosen: {focus(ui)!r}"
    )


def answer_by_key(ui: FletUI, key: str, question: str, answer: str, why: str) -> None:
    """The answer has a name and a state, and keeps the focus."""
    tab_to(ui, answer)
    assert ui.page.evaluate(_STATE) == ["checkbox", "false", f"{question} {answer}"]
    ui.page.keyboard.press(key)
    ui.wait_for_text(why, "recommendation")
    assert focus(ui).startswith(answer)
    assert ui.page.evaluate(_STATE) == ["checkbox", "true", f"{question} {answer}"]


def test_after_a_list_that_escape_closes_tab_goes_on_from_it(ui: FletUI):
    ui.wait_for_text(re.escape(SAMPLE_NAME), "sessions")
    ui.resize(_ONE_COLUMN)
    ui.page.keyboard.press("Control+2")
    ui.wait_for_text("344 rows")
    tab_to(ui, "Expert")
    ui.page.keyboard.press("Tab")  # the browser is not told of the focus on a list

    for _ in range(2):  # Flet tells of a list that opens only the first time
        ui.page.keyboard.press("Enter")
        ui.wait_for_text("Local \\(Docker\\)")
        ui.page.keyboard.press("Escape")
        ui.wait_for(lambda: focus(ui).startswith("Training target"), lambda: focus(ui))
        ui.page.keyboard.press("Shift+Tab")
        ui.page.wait_for_timeout(300)
    ui.page.keyboard.press("Tab")

    ui.wait_for(lambda: focus(ui).startswith("Session"), lambda: focus(ui))


def tab_to(ui: FletUI, name: str) -> None:
    press_until(ui, "Tab", name, most=60)  # once around, where the focus was behind it


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
        assert "could not be drawn" not in ui.page.locator("flt-semantics-host").aria_snapshot()
    ui.go_to("Training")
    ui.click("Expert")
    ui.wait_for_text("Learning rate")
    found["Expert"] = nameless(ui)

    assert {tab: names for tab, names in found.items() if names} == {}


def test_with_texts_twice_as_large_nothing_is_cut_off_or_lies_over_anything_else(ui: FletUI):
    """By the system's or the browser's text size, by the one in Settings, and by the browser's zoom."""
    usual = settled(ui, "Settings")
    found = {}

    ui.page.evaluate("document.documentElement.style.fontSize = '32px'")
    ui.wait_for(
        lambda: height_of(ui, _SUBTITLES["Settings"]) > 1.8 * usual, lambda: "the system's size is ignored"
    )
    found["by the system"] = layout_of_every_tab(ui)

    ui.page.evaluate("document.documentElement.style.fontSize = '16px'")
    ui.go_to("Settings")
    pick(ui, "200 %")
    ui.wait_for(lambda: height_of(ui, _SUBTITLES["Settings"]) > 1.8 * usual, lambda: "the setting is ignored")
    found["by the setting"] = layout_of_every_tab(ui)

    ui.go_to("Settings")
    pick(ui, "100 %")
    ui.page.set_viewport_size({"width": 640, "height": 400})  # what 200 % leave of 1280 × 800
    ui.wait_for(lambda: 0 < height_of(ui, _SUBTITLES["Settings"]) < 1.2 * usual, lambda: "it stays large")
    found["by the browser's zoom"] = layout_of_every_tab(ui)

    assert {how: faults for how, faults in found.items() if faults} == {}


def layout_of_every_tab(ui: FletUI) -> list[str]:
    faults = []
    for tab in _SUBTITLES:
        settled(ui, tab)
        ui.screenshot(f"large-{tab.lower()}")
        faults += [f"{tab}: {fault}" for fault in faults_of_layout(ui)]
    return faults


def settled(ui: FletUI, tab: str) -> float:
    """Go there, and wait until nothing moves any more; how high the line under its heading is."""
    ui.go_to(tab)
    ui.page.mouse.move(2, 2)  # away from the tab's name, which is told in a bubble while it is pointed at
    seen: list[float] = []

    def stands_still() -> bool:
        seen.append(height_of(ui, _SUBTITLES[tab]))
        return len(seen) > 2 and seen[-1] > 0 and len(set(seen[-3:])) == 1 and not faults_of_layout(ui)

    with suppress(AssertionError):  # then there are faults, which the caller tells
        ui.wait_for(stands_still, lambda: tab, 10)
    return seen[-1]
