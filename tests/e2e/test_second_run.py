"""A run after a run: the right column follows to the new one, and back to the old one from the history."""

import re

import pytest

from app.services.library import SAMPLE_NAME
from tests.e2e.flet_ui import FletUI

pytestmark = pytest.mark.browser

_HIGH = {"width": 1280, "height": 1900}
"""So that no field lies under the bar with Start."""
_LOW = {"width": 1280, "height": 600}
"""So low that the history and the status of a run are never in sight together."""


def test_the_right_column_follows_to_a_second_run_and_back_to_the_first(ui: FletUI):
    ui.wait_for_text(re.escape(SAMPLE_NAME), "sessions")
    ui.go_to("Training")
    ui.page.set_viewport_size(_HIGH)
    first = start(ui, steps=3)
    ui.wait_for_text("Finished", "run-status", timeout=180)
    ui.page.set_viewport_size(_LOW)
    scroll_to_the_history(ui)

    second = start(ui, steps=None, after=first)

    ui.wait_for(lambda: status_is_in_sight(ui), lambda: f"out of sight: {where(ui)}")
    ui.wait_for_text("Finished", "run-status", timeout=180)
    assert shown(ui) == second
    ui.wait_for(lambda: len(cards(ui)) == 2, lambda: str(cards(ui)))
    scroll_to_the_history(ui)
    older = ui.identified(cards(ui)[-1]).first
    older.click(position={"x": 200, "y": 16})  # beside its buttons
    ui.wait_for(lambda: shown(ui) == first, lambda: shown(ui))
    ui.wait_for(lambda: status_is_in_sight(ui), lambda: f"out of sight: {where(ui)}")


def start(ui: FletUI, *, steps: int | None, after: str = "") -> str:
    """The name of the run once it is on the screen; at no moment is there none, if there was one before."""
    if steps is not None:
        ui.fill("Max steps", str(steps))
    ui.click("Start training")
    seen: list[str] = []

    def is_new() -> bool:
        seen.append(shown(ui))
        return seen[-1] not in ("", after)

    ui.wait_for(is_new, lambda: str(seen), 60)
    assert not after or "" not in seen, "the column was empty in between"
    return seen[-1]


def shown(ui: FletUI) -> str:
    """The name of the run in the right column; empty without one."""
    found = re.match(r"(\S+)\s+Run status", ui.text("training-run") or "")
    return found[1] if found else ""


def cards(ui: FletUI) -> list[str]:
    found = ui.page.locator('[flt-semantics-identifier^="history-"]').all()
    return [str(card.get_attribute("flt-semantics-identifier")) for card in found]


def scroll_to_the_history(ui: FletUI) -> None:
    ui.page.mouse.move(1000, 300)

    def is_away() -> bool:
        ui.page.mouse.wheel(0, 400)
        return not status_is_in_sight(ui) and bool(cards(ui))

    ui.wait_for(is_away, lambda: f"it does not scroll: {where(ui)}")


def status_is_in_sight(ui: FletUI) -> bool:
    return 0 <= where(ui) < _LOW["height"]


def where(ui: FletUI) -> float:
    """How far down the window the status of the run is; -1 if it is nowhere."""
    status = ui.identified("run-status")
    box = status.first.bounding_box() if status.count() else None
    return box["y"] if box else -1.0
