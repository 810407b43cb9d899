"""The keyboard's focus in the Inference tab: it stays with who asks while an answer comes."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass

import flet as ft
import pytest

from app.ui.inference.focus_on_stop import FocusOnStop
from tests.ui.harness import _label as name_of
from tests.ui.inference.test_chat import answered
from tests.ui.training.conftest import choose_segment


def follow_the_focus(screen) -> list[str]:
    """The names of what the focus has been given to, from now on."""
    given: list[str] = []

    def note(_, control: int) -> None:
        name = next(name_of(c) for c in screen.controls() if c._i == control)
        if given[-1:] != [name]:  # it is asked for again until the window says that it has it
            given.append(name)

    screen.client.answers["focus"] = note
    return given


@pytest.fixture
def followed(monkeypatch) -> list[bool]:
    """Whether an answer was under way, of each time that the focus has been seen to."""
    seen: list[bool] = []
    follow = FocusOnStop.follow

    async def noted(self, *, is_busy: bool) -> None:
        await follow(self, is_busy=is_busy)
        seen.append(is_busy)

    monkeypatch.setattr(FocusOnStop, "follow", noted)
    return seen


async def test_enter_in_the_field_leaves_the_focus_there(parlour, followed):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        given = follow_the_focus(screen)
        await screen.type("Message", "Where is Sorrel?")
        await screen.wait_for(lambda: not screen.button("Send").disabled)  # a model was found
        await screen.fire(screen.find(ft.TextField, "Message"), "submit", "Where is Sorrel?")
        parlour.engine.say("In the north.")
        parlour.engine.finish()
        await screen.wait_for(lambda: screen.has_button("Answer again"))
        await screen.wait_for(lambda: not screen.button("Answer again").disabled)
        await screen.wait_for(lambda: followed.count(False) == 2)  # before the answer and after it

        assert given == []


async def test_another_answer_gives_the_focus_to_stop_and_then_to_the_field(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await answered(screen, parlour, "Where is Sorrel?", "In the north.")
        await screen.settle()
        given = follow_the_focus(screen)

        await screen.click("Answer again")
        await screen.wait_for(lambda: given == ["Stop answer"])
        parlour.engine.finish()

        await screen.wait_for(lambda: given == ["Stop answer", "Message"])


async def test_the_button_that_compares_has_the_focus_again(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        await choose_segment(screen, "inference-view", "compare")
        await screen.type("Prompts, one a line", "When does it leave?")
        given = follow_the_focus(screen)
        await screen.click("Compare now")
        await screen.wait_for(lambda: given == ["Stop comparing"])

        for _ in range(2):
            parlour.engine.finish()

        await screen.wait_for(lambda: given == ["Stop comparing", "Compare now"])


async def test_who_types_while_a_comparison_is_planned_keeps_the_focus(parlour, monkeypatch):
    parlour.run("ferry")
    comparing, is_planning, may_plan = parlour.services.comparing, threading.Event(), threading.Event()
    plan = comparing.plan

    def held(*how):
        is_planning.set()
        assert may_plan.wait(20)
        return plan(*how)

    monkeypatch.setattr(comparing, "plan", held)
    async with parlour.opened() as screen:
        await choose_segment(screen, "inference-view", "compare")
        await screen.type("Prompts, one a line", "When does it leave?")
        given = follow_the_focus(screen)
        screen.start(screen.click("Compare now"))
        await screen.wait_for(is_planning.is_set)
        await screen.type("Prompts, one a line", "When does it leave? And")
        may_plan.set()
        await screen.wait_for(lambda: parlour.draft.compare.is_busy)
        for _ in range(2):
            parlour.engine.finish()
        await screen.wait_for(lambda: not parlour.draft.compare.is_busy)
        await screen.wait_for(lambda: screen.has_button("Compare now"))

        assert given == []


@dataclass
class Focusable:
    """A control in the window: `gets` is what comes of it when it is given the focus."""

    gets: Callable[[], None]
    asked: int = 0

    async def focus(self) -> None:
        self.asked += 1
        self.gets()


@dataclass
class Buttons:
    """Stop and the button that asked, as the window has them, and a field that can be clicked."""

    focus: FocusOnStop
    stop: Focusable
    asks: Focusable

    def click_the_field(self) -> None:
        self.focus.on_stop_blur(None)
        self.focus.back.on_blur(None)
        self.focus.focused(None)


@pytest.fixture
def buttons():
    focus = FocusOnStop()
    stop = Focusable(lambda: focus.on_stop_focus(None))

    def got_by_what_asks() -> None:
        focus.on_stop_blur(None)
        focus.back.on_focus(None)

    asks = Focusable(got_by_what_asks)
    focus.stop.ref.current, focus.back.ref.current = stop, asks
    focus.pressed()
    return Buttons(focus, stop, asks)


async def test_a_field_that_is_clicked_when_the_answer_has_ended_keeps_the_focus(buttons):
    """A space typed into it would press the button that took the focus, and ask the question before again."""
    await buttons.focus.follow(is_busy=True)
    gets = buttons.asks.gets
    buttons.asks.gets = lambda: (gets(), asyncio.get_running_loop().call_soon(buttons.click_the_field))
    await buttons.focus.follow(is_busy=False)

    assert (buttons.stop.asked, buttons.asks.asked) == (1, 1)


async def test_a_field_that_is_clicked_after_an_answer_too_short_for_stop_keeps_the_focus(buttons):
    buttons.asks.gets = buttons.click_the_field
    await buttons.focus.follow(is_busy=False)

    assert buttons.asks.asked == 1


async def test_a_field_that_is_clicked_before_the_answer_begins_keeps_the_focus(buttons):
    """What is to be asked may take a moment to be planned."""
    buttons.focus.focused(None)
    await buttons.focus.follow(is_busy=True)
    await buttons.focus.follow(is_busy=False)

    assert (buttons.stop.asked, buttons.asks.asked) == (0, 0)


async def test_a_field_that_is_typed_into_while_the_answer_comes_keeps_the_focus(buttons):
    buttons.focus.typed()
    await buttons.focus.follow(is_busy=True)
    await buttons.focus.follow(is_busy=False)

    assert (buttons.stop.asked, buttons.asks.asked) == (0, 0)


async def test_a_stop_that_got_the_focus_only_when_the_answer_had_ended_gives_it_back(buttons):
    late = iter([True])

    def got_and_lost() -> None:
        buttons.focus.back.on_focus(None)
        if next(late, False):
            asyncio.get_running_loop().call_soon(lambda: buttons.focus.on_stop_focus(None))
        else:
            buttons.focus.on_stop_blur(None)

    buttons.asks.gets = got_and_lost
    await buttons.focus.follow(is_busy=False)

    assert (buttons.asks.asked, buttons.focus.has_stop) == (2, False)
