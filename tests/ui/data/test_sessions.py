import asyncio
import json
from contextlib import asynccontextmanager

import flet as ft
import pytest

from app.domain.errors import StoreError
from app.ui.data.tab import DataTab
from tests.ui.harness import mounted

TALK = '{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}, \
{"role": "assistant", "content": "Hello!"}, {"role": "user", "content": "Bye?"}, \
{"role": "assistant", "content": "Bye!"}]}'


@pytest.fixture
def session(library, write_rows):
    return library.import_file(write_rows("talk.jsonl", good=60)).session


async def test_a_session_shows_its_rows_a_page_at_a_time(library, paths, session):
    async with opened_session(library, paths, "talk") as screen:
        assert "1 to 25 of 60" in screen.text()
        assert "Question 26?" not in screen.text()

        await screen.click("Next page")
        await screen.wait_for_text("Question 26?")
        await screen.click("Next page")
        await screen.wait_for_text("Question 60?")

        assert "51 to 60 of 60" in screen.text()
        assert screen.button("Next page").disabled


async def test_a_conversation_is_shown_turn_by_turn_with_its_roles(library, paths, write_rows):
    library.import_file(write_rows("turns.jsonl", good=0, lines=(TALK,)))

    async with opened_session(library, paths, "turns") as screen:
        texts = screen.identified("rows")

        assert texts[1:] == [
            "System", "Be brief.",
            "Question", "Hello?", "Answer", "Hello!",
            "Question", "Bye?", "Answer", "Bye!",
        ]  # fmt: skip


async def test_a_huge_row_is_cut_short_on_the_screen(library, paths, write_rows):
    line = json.dumps({"prompt": "long", "completion": "x" * 200_000})
    library.import_file(write_rows("huge.jsonl", good=0, lines=(line,)))

    async with opened_session(library, paths, "huge") as screen:
        assert "(198,500 more characters)" in screen.text()


async def test_sessions_are_found_by_a_part_of_their_name(library, paths, write_rows):
    library.import_file(write_rows("ferries.jsonl"))
    library.import_file(write_rows("recipes.jsonl"))

    async with mounted(DataTab, library, paths, is_narrow=False) as screen:
        await screen.wait_for(lambda: screen.has_button("recipes"))
        await screen.type("Search sessions", "FERR")
        assert screen.has_button("ferries")
        assert not screen.has_button("recipes")

        await screen.type("Search sessions", "zebra")
        assert "No session matches “zebra”." in screen.text()


async def test_an_empty_library_says_how_to_begin(library, paths):
    async with mounted(DataTab, library, paths, is_narrow=False) as screen:
        await screen.wait_for_text("No sessions yet")


async def test_deleting_asks_first_and_says_that_runs_keep_their_copy(library, paths, session):
    async with opened_session(library, paths, "talk") as screen:
        await screen.click("Delete session")
        assert "Runs that used it keep their own copy" in screen.text()

        await screen.click("Cancel")
        assert library.sessions() == [session]
        await screen.click("Delete session")
        await screen.click("Delete")

        await screen.wait_for_text("No sessions yet")
        assert library.sessions() == []


async def test_a_failed_delete_stays_in_the_dialog_with_its_reason(library, paths, session, monkeypatch):
    def refuse(_):
        raise StoreError("The database is locked.", "Close the other window.")

    monkeypatch.setattr(library, "delete", refuse)

    async with opened_session(library, paths, "talk") as screen:
        await screen.click("Delete session")
        await screen.click("Delete")

        await screen.wait_for_text("The database is locked.")
        assert screen.has_button("Delete")


async def test_a_session_is_renamed(library, paths, session):
    async with opened_session(library, paths, "talk") as screen:
        await screen.click("Rename session")
        await screen.type("Name", "Small talk")
        await screen.click("Save name")

        await screen.wait_for(lambda: screen.has_button("Small talk"))
        assert [s.name for s in library.sessions()] == ["Small talk"]


async def test_the_last_letters_count_even_if_they_are_not_drawn_yet(library, paths, session):
    async with opened_session(library, paths, "talk") as screen:
        await screen.click("Rename session")
        field, save = screen.find(ft.TextField, "Name"), screen.button("Save name")
        dispatch = screen.client.session.dispatch_event

        await asyncio.gather(dispatch(field._i, "change", "Small talk"), dispatch(save._i, "click", None))

        await screen.wait_for(lambda: screen.has_button("Small talk"))
        assert [s.name for s in library.sessions()] == ["Small talk"]


async def test_an_empty_name_is_refused_in_the_dialog(library, paths, session):
    async with opened_session(library, paths, "talk") as screen:
        await screen.click("Rename session")
        await screen.type("Name", "  ")
        await screen.click("Save name")

        await screen.wait_for_text("A session needs a name.")


async def test_an_export_says_where_it_went(library, paths, session):
    async with opened_session(library, paths, "talk") as screen:
        await screen.click("Export JSONL")
        await screen.wait_for_text("60 rows written to")

        (file,) = paths.exports.iterdir()
        assert str(file) in screen.text()
        assert len(file.read_text(encoding="utf-8").splitlines()) == 60


async def test_in_the_browser_an_export_can_be_downloaded(library, paths, session):
    async with opened_session(library, paths, "talk", web=True) as screen:
        await screen.click("Export JSONL")
        await screen.wait_for_text("60 rows written to")
        await screen.click("Download the file")

        saved = await screen.wait_for(lambda: [a for name, a in screen.client.calls if name == "save_file"])
        assert saved[0]["src_bytes"].count(b"\n") == 60


async def test_what_was_exported_is_not_said_of_another_session(library, paths, session, write_rows):
    library.import_file(write_rows("other.jsonl"))

    async with opened_session(library, paths, "talk") as screen:
        await screen.click("Export JSONL")
        await screen.wait_for_text("60 rows written to")

        await screen.click("other")

        await screen.wait_for_text("1 to 3 of 3")
        assert "rows written to" not in screen.text()


async def test_a_narrow_window_shows_the_list_or_the_session(library, paths, session):
    async with mounted(DataTab, library, paths, is_narrow=True, width=420) as screen:
        await screen.wait_for(lambda: screen.has_button("talk"))
        assert not screen.has_button("Export JSONL")

        await screen.click("talk")
        await screen.wait_for_text("Question 1?")
        assert not screen.has_button("talk")

        await screen.click("All sessions")
        assert screen.has_button("talk")


async def test_a_session_imported_elsewhere_appears_by_itself(library, paths, write_rows):
    async with mounted(DataTab, library, paths, is_narrow=False) as screen:
        await screen.wait_for_text("No sessions yet")

        library.import_file(write_rows("from-the-terminal.jsonl"))

        await screen.wait_for(lambda: screen.has_button("from-the-terminal"))


async def test_every_icon_button_has_a_name(library, paths, session):
    async with opened_session(library, paths, "talk") as screen:
        assert all(button.icon.semantics_label for button in screen.controls(ft.IconButton))


@asynccontextmanager
async def opened_session(library, paths, name, *, web=False, publishing=None):
    """The Data tab with this session chosen and its rows on the screen."""
    async with mounted(DataTab, library, paths, is_narrow=False, web=web, publishing=publishing) as screen:
        await screen.wait_for(lambda: screen.has_button(name))
        await screen.click(name)
        await screen.wait_for(lambda: screen.identified("rows"))
        yield screen
