"""Collecting in the Data tab, from an emulator on loopback."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import flet as ft
import pytest

from app.adapters.scrapers.stack_exchange import StackExchange
from app.adapters.scrapers.web_pages import WebPages
from app.domain.scraping import ScrapeStatus
from app.ui.data.collect.fields import AnswerField
from app.ui.data.collect.panel import CollectPanel
from app.ui.data.collect.wording import TONES, eta
from app.ui.data.tab import DataTab
from app.ui.settings.web import Web
from tests.emulators.hacker_news import HackerNewsEmulator
from tests.emulators.server import Fault, running
from tests.services.shelf import Shelf, collecting, hacker_news
from tests.ui.harness import mounted


@pytest.fixture
def site() -> Iterator[HackerNewsEmulator]:
    with running(HackerNewsEmulator()) as emulator:
        yield emulator


@pytest.fixture
def shelf(tmp_path: Path, site: HackerNewsEmulator) -> Iterator[Shelf]:
    with collecting(tmp_path, hacker_news(site), WebPages()) as made:
        yield made


def panel(shelf: Shelf, shown: list):
    return mounted(CollectPanel, shelf.service, shown.append, is_shown=True)


async def test_a_source_is_asked_and_its_rows_are_one_click_away(shelf: Shelf, site):
    shown: list = []
    async with panel(shelf, shown) as screen:
        await screen.wait_for(lambda: f"Will ask {site.place} for Ask HN." in screen.text())
        await screen.type("Name of the session", "asked")
        screen.start(screen.click("Start collecting"))

        await screen.wait_for_text("8 rows from 4 of 4 looked at; skipped: 8 × deleted or dead")
        assert "Finished" in screen.texts()
        await screen.click("Show collected rows")

        [session] = shelf.sessions.all()
        assert (session.name, shown) == ("asked", [session.id])


async def test_one_under_way_can_be_cancelled_and_resumed(shelf: Shelf, site):
    site.faults.extend([*[None] * 6, Fault.SILENT])
    async with panel(shelf, []) as screen:
        screen.start(screen.click("Start collecting"))
        await screen.wait_for(lambda: "2 rows from 1 of 4" in " ".join(screen.identified("scrape-progress")))

        await screen.click("Cancel collecting")
        await screen.wait_for_text("Cancelled")
        site.go_on.set()
        screen.start(screen.click("Resume"))

        await screen.wait_for_text("8 rows from 4 of 4 looked at")
        assert len(shelf.rows()) == 8


async def test_the_fields_are_those_of_the_source_and_what_is_missing_is_said(shelf: Shelf):
    async with panel(shelf, []) as screen:
        await screen.choose("Source", "web")

        await screen.wait_for_text("Addresses is missing.")
        assert screen.button("Start collecting").disabled
        await screen.type("Addresses", "http://a.example/x\nhttp://b.example/y")

        await screen.wait_for_text("Will ask a.example and b.example for a.example/x and 1 more.")
        assert not screen.button("Start collecting").disabled


async def test_the_choices_of_a_source_are_called_as_the_catalogue_calls_them(spoken, in_brackets):
    spoken(in_brackets)
    [order] = [field for field in StackExchange.fields if field.kind == "choice"]
    theirs = replace(order, choices=("by tide",))

    async with mounted(AnswerField, order, "votes", print) as screen:
        [box] = screen.controls(ft.Dropdown)
        assert [o.text for o in box.options] == ["⟦Votes⟧", "⟦Creation⟧", "⟦Activity⟧", "⟦Relevance⟧"]
    async with mounted(AnswerField, theirs, "by tide", print) as screen:
        [box] = screen.controls(ft.Dropdown)
        assert [o.text for o in box.options] == ["by tide"]


async def test_what_was_typed_for_one_source_is_kept_while_another_is_looked_at(shelf: Shelf):
    async with panel(shelf, []) as screen:
        await screen.choose("Source", "web")
        await screen.type("Addresses", "http://a.example/x")
        await screen.choose("Source", "hackernews")
        await screen.type("Words", "harbour")
        await screen.choose("Source", "web")

        await screen.wait_for_text("Will ask a.example for a.example/x.")


async def test_a_scrape_that_stopped_early_says_why_and_what_to_do(shelf: Shelf, site):
    site.always, site.retry_after = Fault.TOO_MANY, "7200"
    async with panel(shelf, []) as screen:
        screen.start(screen.click("Start collecting"))

        await screen.wait_for_text("Stopped early")
        assert "What was collected is kept. Press Resume then." in screen.text()
        assert screen.has_button("Resume")


async def test_a_scrape_is_removed_from_the_list_after_a_question_and_its_session_stays(shelf: Shelf):
    await asyncio.to_thread(shelf.service.collect, "hackernews", {}, "asked")
    async with panel(shelf, []) as screen:
        await screen.wait_for(lambda: screen.has_button("Remove asked from this list"))
        await screen.click("Remove asked from this list")
        await screen.wait_for_text("The session with its rows stays.")
        screen.start(screen.click("Remove"))

        await screen.wait_for(lambda: shelf.service.history() == [])
        assert len(shelf.rows()) == 8


async def test_offline_it_is_disabled_with_the_reason(shelf: Shelf):
    shelf.settings.set_offline(True)
    async with panel(shelf, []) as screen:
        await screen.wait_for_text("Nothing can be collected now: Offline mode is on: it was switched on")

        assert screen.button("Start collecting").disabled


async def test_it_stands_beside_the_import_and_leads_to_the_rows(shelf: Shelf, library, paths):
    async with mounted(DataTab, library, paths, is_narrow=False, collecting=shelf.service) as screen:
        assert "Collect from the web" not in screen.text()

        await screen.click("Import data")

        await screen.wait_for_text("Collect from the web")
        assert "From Hugging Face" in screen.text()


async def test_the_proxy_of_the_settings_is_kept(shelf: Shelf):
    async with mounted(Web, shelf.settings) as screen:
        await screen.type("Proxy", "nonsense")
        screen.start(screen.click("Save proxy"))
        await screen.wait_for_text("'nonsense' is no address of a proxy.")
        await screen.type("Proxy", "http://proxy.example:3128")
        screen.start(screen.click("Save proxy"))
        await screen.wait_for(lambda: shelf.settings.proxy == "http://proxy.example:3128")


@pytest.mark.parametrize(
    ("seconds", "words"), [(None, ""), (5, " · less than a minute to go"), (300, " · about 5 minutes to go"),
                           (7500, " · about 2 h 5 min to go")],
)  # fmt: skip
def test_the_time_to_go_is_put_as_people_say_it(seconds, words):
    assert eta(seconds) == words


def test_every_status_has_a_word():
    assert set(TONES) == set(ScrapeStatus)
