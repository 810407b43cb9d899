"""A dropdown by keyboard: after a choice Tab goes on from it."""

import flet as ft

from app.ui.kit.dropdown import Dropdown
from tests.ui.harness import mounted


@ft.component
def Target() -> ft.Control:
    value, choose = ft.use_state("here")
    options = [ft.DropdownOption(key=key, text=key) for key in ("here", "there")]
    return Dropdown(f"Target: {value}", "Target", value, options, choose)


async def test_after_a_choice_the_focus_waits_beside_it_until_tab_takes_it_on():
    focused: list[int] = []
    async with mounted(Target) as screen:
        screen.client.answers["focus"] = lambda _, control: focused.append(control)
        assert not list(screen.controls(ft.TextButton)), "Tab has nothing to stop at before"

        await screen.choose("Target", "there")

        [place] = screen.controls(ft.TextButton)
        assert focused == [place._i]
        assert [said.label for said in screen.controls(ft.Semantics)] == ["Target: there"]
        await screen.fire(place, "blur")
        assert not list(screen.controls(ft.TextButton))
