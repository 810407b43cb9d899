"""A beginner's first run: three questions, Auto Set with its reasons, a loss."""

import pytest

from tests.e2e.flet_ui import FletUI
from tests.e2e.test_journey import CURVE, pick

pytestmark = pytest.mark.browser

STEPS = 4


def test_a_beginner_answers_questions_sees_why_and_trains(ui: FletUI):
    ui.page.set_viewport_size({"width": 1280, "height": 2400})  # all of the form in sight
    ui.go_to("Training")
    ui.wait_for(lambda: ui.button("Start training").is_enabled(), lambda: str(ui.text("start-reason")))

    pick(ui, "Style or format")
    ui.wait_for_text("Enough for style and format", "recommendation")
    pick(ui, "Auto Set (local)")
    ui.wait_for_text("The longest row has", "auto-choices", timeout=90)
    assert "make the effective batch of" in (ui.text("auto-choices") or "")
    ui.fill("Max steps", str(STEPS))
    ui.wait_for_text("Your own choice.", "auto-choices", timeout=30)
    ui.screenshot("beginner-auto-set")

    ui.click("Start training")
    ui.wait_for_text("Finished", "run-status", timeout=120)
    curve = ui.wait_for_text(rf"at step {STEPS}\b", "loss-chart")
    assert CURVE.search(curve), curve
