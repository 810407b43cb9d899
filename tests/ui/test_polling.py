"""Who looks regularly looks only while somebody sees it."""

import asyncio
from datetime import UTC, datetime, timedelta

import flet as ft
import pytest

from app.ui import polling
from app.ui.training.watching import use_answer
from tests.ui.harness import mounted


@ft.component
def Watcher(look) -> ft.Control:
    seen, see = ft.use_state(0)
    use_answer(look, see, on="it", every_seconds=0.01)
    return ft.Text(f"seen {seen}")


@ft.component
def Poller(look) -> ft.Control:
    seen, see = ft.use_state(0)
    polling.use_polling(look, see, seconds=0.01)
    return ft.Text(f"seen {seen}")


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch):
    monkeypatch.setattr(polling, "_LOOK_SECONDS", 0.01)


class Looks:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> int:
        self.count += 1
        return self.count


async def rounds(number: int) -> None:
    """Time in which it would have looked again and again."""
    for _ in range(number):
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("watcher", [Watcher, Poller])
async def test_nobody_is_asked_for_a_closed_page_until_it_is_opened_again(watcher):
    look = Looks()
    async with mounted(watcher, look) as screen:
        await screen.wait_for(lambda: look.count > 2)
        session, client = screen.page.session, screen.page.session.connection
        await session.disconnect(3600)
        before = look.count
        await rounds(20)
        assert look.count <= before + 1  # the one that was on its way

        await session.connect(client)

        await screen.wait_for(lambda: look.count > before + 2)
        await screen.wait_for(lambda: f"seen {look.count}" in screen.text())


async def test_a_closed_page_that_cannot_come_back_is_not_waited_for():
    async with mounted(Watcher, Looks()) as screen:
        session, client = screen.page.session, screen.page.session.connection
        await session.disconnect(0)
        assert session.expires_at < datetime.now(UTC) + timedelta(seconds=1)

        assert await polling.is_seen(screen.page) is False
        await session.connect(client)
