"""A part that fails while it is drawn does not take the window with it."""

import flet as ft
import pytest

from app.ui.drawing import guard_drawing
from tests.ui.harness import opened


@ft.component
def Picky(value: int) -> ft.Control:
    if value == 1:
        raise ValueError("one is too much")
    return ft.Text(f"picky {value}")


@ft.component
def Counting() -> ft.Control:
    value, set_value = ft.use_state(0)
    more = ft.Button("More", on_click=lambda: set_value(value + 1))
    return ft.Column([ft.Text(f"counted {value}"), Picky(value), more])


@ft.component
def Lonely() -> ft.Control:
    value, set_value = ft.use_state(0)
    if value == 1:
        raise ValueError("one is too much")
    return ft.Column([ft.Text(f"alone {value}"), ft.Button("More", on_click=lambda: set_value(value + 1))])


async def test_the_rest_goes_on_and_the_part_comes_back_with_the_next_change(tmp_path, caplog):
    def show(page: ft.Page) -> None:
        guard_drawing(page, tmp_path)
        page.render(Counting)

    async with opened(show) as screen:
        await screen.click("More")
        assert "counted 1" in screen.texts()
        assert "This part of the window could not be drawn." in screen.texts()
        assert str(tmp_path) in screen.text()
        assert "one is too much" in caplog.text

        await screen.click("More")
        assert "picky 2" in screen.texts()
        assert "This part of the window could not be drawn." not in screen.texts()


async def test_a_part_that_fails_by_itself_leaves_the_others_drawing(tmp_path):
    @ft.component
    def Both() -> ft.Control:
        return ft.Column([Lonely(), Counting()])

    def show(page: ft.Page) -> None:
        guard_drawing(page, tmp_path)
        page.render(Both)

    async with opened(show) as screen:
        lonely, counting = (c for c in screen.controls(ft.Button))
        await screen.click(lonely)
        assert "This part of the window could not be drawn." in screen.texts()
        await screen.click(counting)
        assert "counted 1" in screen.texts()


async def test_a_test_sees_what_fails_where_nobody_guards():
    with pytest.raises(AssertionError, match="draws no more"):
        async with opened(lambda page: page.render(Lonely)) as screen:
            await screen.click("More")
