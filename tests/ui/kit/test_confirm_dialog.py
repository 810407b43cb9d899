"""A question before something is done."""

import pytest

from app.ui.kit.confirm_dialog import ConfirmDialog


@pytest.mark.parametrize("is_busy", [False, True])
def test_a_click_that_was_on_its_way_when_the_button_went_off_does_nothing(is_busy):
    clicked = []

    dialog = ConfirmDialog(
        "Add?",
        "They run one after another.",
        confirm="Add 2 runs",
        on_confirm=lambda: clicked.append(True),
        on_cancel=lambda: None,
        is_busy=is_busy,
    )

    button = dialog.actions[-1]
    assert (button.content, button.disabled, button.on_click is None) == ("Add 2 runs", is_busy, is_busy)
