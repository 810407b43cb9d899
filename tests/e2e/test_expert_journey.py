"""As an expert: look for a setting, change it, keep the setup, come back and have it all again."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import RunningApp
from tests.e2e.flet_ui import FletUI
from tests.e2e.test_journey import pick

pytestmark = pytest.mark.browser


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
