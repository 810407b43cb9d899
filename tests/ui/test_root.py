import asyncio
import gc
import threading

import flet as ft
import pytest

from app.domain.errors import StoreError
from app.services.library import SAMPLE_NAME
from app.ui import texts
from app.ui.opening import Opening
from app.ui.opening_page import OpeningPage
from app.ui.root import Root
from tests.ui.harness import mounted


async def test_what_was_typed_in_a_tab_is_still_there_after_a_visit_to_another(services, paths, write_rows):
    services.library.import_file(write_rows("talk.jsonl"))
    async with mounted(Root, services, paths) as screen:
        await screen.wait_for_text("talk")
        await screen.type("Search sessions", "tal")

        await choose_tab(screen, 4)
        assert "Appearance" in screen.text()
        await choose_tab(screen, 0)

        assert screen.find(ft.TextField, "Search sessions").value == "tal"


async def test_a_narrow_window_has_a_bar_and_a_wide_one_a_rail(services, paths):
    async with mounted(Root, services, paths, width=420) as screen:
        assert list(screen.controls(ft.NavigationBar))
        assert not list(screen.controls(ft.NavigationRail))

        await screen.resize(1200)

        assert list(screen.controls(ft.NavigationRail))
        assert not list(screen.controls(ft.NavigationBar))


async def test_keys_switch_tabs(services, paths):
    async with mounted(Root, services, paths) as screen:
        await screen.press("4", ctrl=True)
        assert "Make one session of several" in screen.text()

        await screen.press("5", ctrl=True)
        assert "Appearance" in screen.text()

        await screen.press("1", ctrl=True)
        assert "Appearance" not in screen.text()


async def test_keys_do_nothing_behind_an_open_dialog(services, paths, write_rows):
    services.library.import_file(write_rows("talk.jsonl"))
    async with mounted(Root, services, paths) as screen:
        focused: list[int] = []
        await screen.wait_for_text("talk")
        await screen.press("2", ctrl=True)
        await screen.click("Import a run…")
        await screen.wait_for_text("Import a finished run")
        screen.client.answers["focus"] = lambda _, control: focused.append(control)

        await screen.press("F6")
        await screen.press("5", ctrl=True)
        assert (focused, "Appearance" in screen.text()) == ([], False)

        await screen.click("Cancel")
        await screen.press("F6")
        await screen.press("5", ctrl=True)
        assert (len(focused), "Appearance" in screen.text()) == (1, True)


async def test_escape_closes_a_dialog_that_does_not_hear_it(services, paths):
    """A dropdown that has the focus keeps the key to itself; an open list is all that Escape closes then."""
    async with mounted(Root, services, paths) as screen:
        dialog = ft.AlertDialog(title=ft.Text("A question"))
        screen.page.show_dialog(dialog)

        await screen.press("Enter")
        await screen.press("Escape")
        assert dialog.open
        await screen.press("Tab")
        await screen.press("Escape")
        assert not dialog.open

        screen.page.show_dialog(dialog := ft.AlertDialog(title=ft.Text("Another"), modal=True))
        await screen.press("Tab")
        await screen.press("Escape")
        assert dialog.open


async def test_only_tabs_that_work_are_offered(services, paths):
    async with mounted(Root, services, paths) as screen:
        rail = next(screen.controls(ft.NavigationRail))

        assert [d.label for d in rail.destinations] == ["Data", "Training", "Inference", "Merge", "Settings"]


@pytest.fixture
def an_opening():
    """Closed after the test, so that nothing of it is started any more."""
    made = list[Opening]()

    def of(build):
        made.append(Opening(build))
        return made[-1]

    yield of
    for opening in made:
        opening.close()


async def test_the_app_opens_with_its_sample(an_opening, services, paths):
    async with mounted(OpeningPage, an_opening(lambda: services), paths) as screen:
        assert "Opening…" in screen.text()

        await screen.wait_for_text(SAMPLE_NAME)


async def test_no_text_of_a_tab_is_read_while_the_window_draws(an_opening, services, paths, monkeypatch):
    drawing, of_tabs = threading.get_ident(), list[str]()
    texts.forget()
    read = texts.read

    def note(files):
        found = read(files)
        if threading.get_ident() == drawing:
            of_tabs.extend({place.partition(".")[0] for place in found} - {"window"})
        return found

    monkeypatch.setattr(texts, "read", note)

    async with mounted(OpeningPage, an_opening(lambda: services), paths) as screen:
        await screen.wait_for_text(SAMPLE_NAME)
        for tab in range(5):
            await choose_tab(screen, tab)

    assert of_tabs == []


async def test_a_store_that_cannot_be_opened_is_explained_and_can_be_tried_again(an_opening, services, paths):
    tries = []

    def build():
        tries.append(1)
        if len(tries) == 1:
            raise StoreError("The database is from a newer version.", "Update Tunewright.")
        return services

    async with mounted(OpeningPage, an_opening(build), paths) as screen:
        await screen.wait_for_text("The database is from a newer version.")
        assert "Update Tunewright." in screen.text()

        await screen.click("Try again")

        await screen.wait_for_text(SAMPLE_NAME)


async def test_a_missing_sample_does_not_keep_the_app_from_opening(an_opening, services, paths, monkeypatch):
    def lose_the_sample():
        raise OSError("no such file")

    monkeypatch.setattr(services.library, "ensure_sample", lose_the_sample)

    async with mounted(OpeningPage, an_opening(lambda: services), paths) as screen:
        await screen.wait_for_text("No sessions yet")


async def test_windows_share_one_set_of_services(an_opening, services, paths):
    built = []

    def build():
        built.append(1)
        return services

    opening = an_opening(build)
    for _ in range(2):
        async with mounted(OpeningPage, opening, paths) as screen:
            await screen.wait_for_text(SAMPLE_NAME)

    assert len(built) == 1


def heard_at_the_end(services, happened: threading.Event) -> bool:
    """Whether it happens by itself when the window's loop ends, though a thread there waits for it."""
    heard: list[bool] = []

    async def window():
        opening = Opening(lambda: services)
        opening.services()
        opening.watch_the_end()
        asyncio.get_running_loop().run_in_executor(None, lambda: heard.append(happened.wait(30)))
        await asyncio.sleep(0)

    asyncio.run(window())
    return heard == [True]


def test_a_model_that_is_being_loaded_does_not_keep_the_app_behind_its_closed_window(services, monkeypatch):
    ended = threading.Event()
    monkeypatch.setattr(services.talking, "unload", ended.set)

    assert heard_at_the_end(services, ended)


def test_the_pods_are_looked_after_before_the_window_waits_for_one_to_be_gone(services, monkeypatch):
    looked = threading.Event()
    monkeypatch.setattr(services.reaper, "close", looked.set)

    assert heard_at_the_end(services, looked)


def test_what_waits_is_started_from_the_opening_on_without_a_page_until_the_app_ends(services, monkeypatch):
    told = []
    monkeypatch.setattr(services.queue_clock, "begin", lambda: told.append("begun"))
    monkeypatch.setattr(services.queue_clock, "close", lambda: told.append("held"))
    opening = Opening(lambda: services)

    opening.services()
    assert told == ["begun"]
    opening.close()

    assert told == ["begun", "held"]


def test_what_is_there_after_the_start_is_spared_by_the_garbage_collector_once(services):
    opening = Opening(lambda: services)
    gc.unfreeze()

    try:
        opening.settle()
        spared = gc.get_freeze_count()
        gc.unfreeze()
        opening.settle()

        assert spared > 10_000
        assert gc.get_freeze_count() == 0
    finally:
        gc.unfreeze()


async def choose_tab(screen, index):
    rail = next(screen.controls(ft.NavigationRail))
    screen._session.apply_patch(rail._i, {"selected_index": index})
    await screen.fire(rail, "change", index)
