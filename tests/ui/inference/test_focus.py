"""The keyboard's focus in the Inference tab: it stays with who asks while an answer comes."""

import flet as ft

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


async def test_enter_in_the_field_leaves_the_focus_there(parlour):
    parlour.run("ferry")
    async with parlour.opened() as screen:
        given = follow_the_focus(screen)
        await screen.type("Message", "Where is Sorrel?")
        await screen.fire(screen.find(ft.TextField, "Message"), "submit", "Where is Sorrel?")
        parlour.engine.say("In the north.")
        parlour.engine.finish()
        await screen.wait_for(lambda: screen.has_button("Answer again"))
        await screen.wait_for(lambda: not screen.button("Answer again").disabled)

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
