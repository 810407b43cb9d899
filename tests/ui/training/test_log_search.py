"""Looking for a word in a log so long that who types is faster than the search."""

import threading
from contextlib import asynccontextmanager

import flet as ft

from app.ui.training.run.log_search import LogSearch
from tests.launchers.places import make_run
from tests.ui.harness import mounted


class LongLog:
    """Searched for as long as it is wanted."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self._gave_up = threading.Event()

    def find_in_log(self, run, text, *, is_wanted):
        self.begun.append(text)
        while is_wanted() and not self._gave_up.wait(0.01):
            continue
        self.ended.append(text)
        return ((1, text),), 1

    def give_up(self) -> None:
        self._gave_up.set()


@asynccontextmanager
async def opened(piece, log: LongLog, folder):
    """No search outlives the test, whatever becomes of it."""
    async with mounted(piece, log, make_run(folder, "0123456789ab")) as screen:
        try:
            yield screen
        finally:
            log.give_up()


async def test_an_older_search_ends_when_a_newer_one_is_typed(tmp_path):
    log = LongLog()
    async with opened(LogSearch, log, tmp_path) as screen:
        await screen.type("Search the log", "first")
        await screen.wait_for(lambda: log.begun == ["first"])

        await screen.type("Search the log", "second")

        await screen.wait_for(lambda: log.ended == ["first"])
        await screen.wait_for(lambda: log.begun == ["first", "second"])
        assert log.ended == ["first"]


@ft.component
def Leaving(log, run):
    """A view of a run that can be left."""
    is_left, leave = ft.use_state(False)
    search = [] if is_left else [LogSearch(log, run)]
    return ft.Column([ft.TextButton("Leave", on_click=lambda: leave(True)), *search])


async def test_a_search_ends_when_the_field_is_emptied_and_when_the_run_is_left(tmp_path):
    log = LongLog()
    async with opened(Leaving, log, tmp_path) as screen:
        await screen.type("Search the log", "first")
        await screen.wait_for(lambda: log.begun == ["first"])
        await screen.type("Search the log", "")
        await screen.wait_for(lambda: log.ended == ["first"])

        await screen.type("Search the log", "last")
        await screen.wait_for(lambda: log.begun == ["first", "last"])
        assert log.ended == ["first"]
        await screen.click("Leave")
        await screen.wait_for(lambda: log.ended == ["first", "last"])
