import asyncio
import threading

import flet as ft

from app.domain.errors import StudioError
from app.ui.actions import use_action
from app.ui.kit.error_banner import ErrorBanner
from tests.ui.harness import mounted


@ft.component
def OneButton(work, done):
    action = use_action(work, on_done=done)
    return ft.Column(
        [ErrorBanner(action.problem, on_dismiss=action.dismiss), ft.FilledButton("Go", on_click=action.run)]
    )


async def test_a_failure_shows_its_sentence_and_its_hint_and_can_be_dismissed():
    def refuse():
        raise StudioError("The disk is full.", "Make room.")

    async with mounted(OneButton, refuse, print) as screen:
        await screen.click("Go")
        await screen.wait_for_text("The disk is full.")
        assert "Make room." in screen.text()

        await screen.click("Dismiss")

        assert "The disk is full." not in screen.text()


async def test_a_bug_in_a_service_is_a_banner_and_not_a_crash():
    def break_down():
        raise ZeroDivisionError

    async with mounted(OneButton, break_down, print) as screen:
        await screen.click("Go")

        await screen.wait_for_text("Something went wrong inside the app.")
        assert screen.has_button("Go")


async def test_a_double_click_does_the_work_once():
    gate, calls = threading.Event(), []

    def work():
        calls.append(1)
        assert gate.wait(5)

    done = []
    async with mounted(OneButton, work, done.append) as screen:
        first = asyncio.create_task(screen.click("Go"))
        await screen.wait_for(lambda: calls)
        await screen.click("Go")
        gate.set()
        await first
        await screen.wait_for(lambda: done)

    assert len(calls) == 1
