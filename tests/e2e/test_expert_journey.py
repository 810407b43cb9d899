"""As an expert: look for a setting, change it, keep the setup, come back and have it all again."""

import json
import re
from contextlib import suppress

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import RunningApp
from tests.e2e.flet_ui import FletUI
from tests.e2e.test_journey import CURVE, pick

pytestmark = pytest.mark.browser

STEPS = 3000
"""Far more than are done before it is stopped."""
PATTERN = "self_attn"


def test_a_setting_is_found_changed_saved_and_there_again_after_a_reload(
    ui: FletUI, page: Page, app: RunningApp
):
    page.set_viewport_size({"width": 1280, "height": 1000})
    ui.go_to("Training")
    ui.choose_option("dataset", "Ferry help desk (sample), 344 rows")
    pick(ui, "Expert")
    ui.wait_for_text("Every setting of a run")
    ui.fill("Search settings", "weight decay")
    # Its group is open at first: only when the dataset has gone is it what the search has found.
    ui.wait_for(lambda: ui.identified("dataset").count() == 0, lambda: str(ui.text()))
    ui.wait_for_text("Pull of the weights towards zero")
    ui.fill("Weight decay", "0.2")
    ui.wait_for_text("1 non-default", "group-learning")
    ui.screenshot("expert-found")

    ui.click("Save setup")
    ui.fill("Name", "mine")
    page.get_by_role("button", name="Save setup", exact=True).last.click()
    ui.wait_for_text("Saved as “mine”", "setup-saved")

    ui.open(app.url)
    ui.go_to("Training")
    ui.choose_option("saved-setup", "mine · here")
    ui.click("Load")
    ui.wait_for_text("Loaded “mine”", "setup-outcome")
    ui.fill("Search settings", "decay")

    field = ui.field("Weight decay")
    field.click(position={"x": 24, "y": 20})  # a field that has no focus tells its text to nobody
    expect(field).to_have_value("0.2")


def test_memory_is_told_for_the_rows_there_are_once_they_were_looked_at(ui: FletUI, page: Page):
    page.set_viewport_size({"width": 1280, "height": 1000})
    ui.go_to("Training")
    ui.choose_option("dataset", "Ferry help desk (sample), 344 rows")
    pick(ui, "Expert")
    ui.fill("Max sequence length", "2048")
    ui.click("Details")
    ui.wait_for_text(r"As if a row had \d+ tokens, more than any of these can have", timeout=60)

    ui.click("Preview data")

    ui.wait_for_text(r"The longest row has \d\d tokens", timeout=60)
    ui.screenshot("expert-memory-of-the-rows")


def test_what_an_expert_changes_is_what_the_run_does_also_after_a_stop(
    ui: FletUI, page: Page, app: RunningApp
):
    page.set_viewport_size({"width": 1280, "height": 1000})
    ui.go_to("Training")
    ui.choose_option("dataset", "Ferry help desk (sample), 344 rows")
    pick(ui, "Expert")
    change_settings(ui)
    ui.screenshot("expert-changed")

    ui.click("Start training")
    ui.wait_for(lambda: end_of_curve(ui) > 1, lambda: f"no curve: {ui.text('training-run')}", 120)
    ui.wait_for_text(f"{STEPS:,}", "run-step")
    [config] = app.home.rglob("config.json")
    asked = json.loads(config.read_text(encoding="utf-8"))
    assert (asked["weight_decay"], asked["max_steps"]) == (0.2, STEPS)
    assert asked["method"]["target_patterns"] == [PATTERN]

    begun, stopped_at = stop_and_save(ui)
    ui.click("Resume")
    ui.wait_for_text("Running", "run-status", timeout=60)
    ui.wait_for(lambda: end_of_curve(ui) > stopped_at, lambda: f"{stopped_at}: {ui.text('loss-chart')}", 90)
    again, _ = stop_and_save(ui)
    assert again == begun, "the curve began anew"
    ui.screenshot("expert-resumed")


def change_settings(ui: FletUI) -> None:
    """Two numbers, one of them wrong at first, and a pattern, each found by its name."""
    look_for(ui, "weight decay", "Pull of the weights towards zero")
    of_the_preset = changed(ui)
    ui.fill("Weight decay", "-1")
    ui.wait_for_text("Must be at least 0")
    ui.wait_for_text("Correct “Weight decay”", "start-reason")
    assert ui.button("Start training").is_disabled()
    ui.fill("Weight decay", "0.2")
    ui.wait_for_text("1 non-default", "group-learning")

    look_for(ui, "target patterns", "Regular expressions over the names of layers")
    ui.fill("Target patterns", PATTERN)
    matched = r"\d+ of the model's \d+ linear layers match:\s+\S+self_attn\.q_proj"
    ui.wait_for_text(matched, "matched-layers", timeout=60)  # the model is built to be looked at
    ui.screenshot("expert-matched")
    look_for(ui, "max steps", "Stop after this many")
    ui.fill("Max steps", str(STEPS))
    ui.wait_for(lambda: changed(ui) == of_the_preset + 3, lambda: str(ui.text("non-default")))


def changed(ui: FletUI) -> int:
    """How many settings are said not to be at their default: a pattern counts twice, as it chooses itself."""
    found = re.search(r"(\d+) non-default", ui.text("non-default") or "")
    return int(found[1]) if found else 0


def look_for(ui: FletUI, words: str, found: str) -> None:
    """Again if nothing came of it: a busy Flutter may lose what the browser's own field shows already."""
    for _ in range(2):
        ui.fill("Search settings", words)
        with suppress(AssertionError):
            ui.wait_for_text(found, timeout=10)
            return
    ui.wait_for_text(found)


def stop_and_save(ui: FletUI) -> tuple[str, int]:
    """The loss of the first step, and the last step there is."""
    ui.click("Stop and save")
    ui.wait_for_text("Stopped", "run-status", timeout=90)
    curve = CURVE.search(ui.wait_for_text(CURVE.pattern, "loss-chart"))
    assert curve
    return curve[1], int(curve[3])


def end_of_curve(ui: FletUI) -> int:
    curve = CURVE.search(ui.text("loss-chart") or "")
    return int(curve[3]) if curve else 0
