"""A dropdown by keyboard: after a choice, and after Escape, Tab goes on from it."""

import flet as ft

from app.ui.kit.dropdown import Dropdown
from app.ui.kit.open_list import key_pressed
from tests.ui.harness import Screen, mounted


@ft.component
def Target() -> ft.Control:
    value, choose = ft.use_state("here")
    page = ft.context.page

    def hear_keys() -> None:
        page.on_keyboard_event = lambda event: key_pressed(page, event.key)

    ft.use_effect(hear_keys, dependencies=[])
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
        assert [said.label for said in screen.controls(ft.Semantics) if said.label] == ["Target: there"]
        await screen.fire(place, "blur")
        assert not list(screen.controls(ft.TextButton))


async def open_list(screen: Screen) -> None:
    """As the window tells it: the arrow of an open list is drawn."""
    [dropdown] = screen.controls(ft.Dropdown)
    await screen.fire(dropdown.selected_trailing_icon, "size_change", {"w": 24, "h": 24})


async def test_a_list_that_escape_closes_has_the_focus_beside_it_each_time():
    async with mounted(Target) as screen:
        for _ in range(2):
            await screen.press("Enter")
            await open_list(screen)
            await screen.press("Arrow Down")
            await screen.press("Tab")  # to its arrow: it stays open
            assert not list(screen.controls(ft.TextButton)), "the list itself has the focus"

            await screen.press("Escape")

            [place] = screen.controls(ft.TextButton)
            await screen.fire(place, "blur")


async def test_each_opening_has_an_arrow_of_its_own_to_tell_of_it():
    async with mounted(Target) as screen:
        [dropdown] = screen.controls(ft.Dropdown)
        before = dropdown.selected_trailing_icon._i
        await screen.press(" ")
        await open_list(screen)

        await screen.choose("Target", "there")

        [dropdown] = screen.controls(ft.Dropdown)
        assert dropdown.selected_trailing_icon._i != before


async def test_escape_has_the_list_drawn_anew_so_that_it_shows_what_is_chosen():
    """Flet shows what the arrow keys went over last, and keeps showing it."""
    async with mounted(Target) as screen:
        [before] = screen.controls(ft.Dropdown)
        await screen.press("Enter")
        await open_list(screen)
        await screen.press("Arrow Down")

        await screen.press("Escape")

        [dropdown] = screen.controls(ft.Dropdown)
        assert dropdown._i != before._i
        assert dropdown.value == "here"


async def test_escape_that_closes_no_list_moves_no_focus():
    async with mounted(Target) as screen:
        await open_list(screen)  # by the pointer: no key was pressed
        await screen.press("Escape")
        assert not list(screen.controls(ft.TextButton))

        await screen.press("Enter")
        await open_list(screen)
        await screen.press("A")  # into a field: the list was closed by the pointer
        await screen.press("Escape")
        assert not list(screen.controls(ft.TextButton))
