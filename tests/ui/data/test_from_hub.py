"""A dataset of the Hub: looked up, its configuration and split chosen, its rows looked at, imported."""

import flet as ft

from app.ui.data.tab import DataTab
from tests.ui.data.test_import import open_import
from tests.ui.harness import mounted


async def test_a_dataset_found_by_words_is_imported_by_its_own_parts(endless_library, paths):
    async with mounted(DataTab, endless_library, paths, is_narrow=False) as screen:
        await open_import(screen)
        await screen.type("Repository", "ferries")
        screen.start(screen.click("Look up"))
        await screen.choose("Datasets found: 2", "other/ferries-2")

        await screen.choose("Configuration", "large")
        screen.start(screen.click("Import dataset"))

        await screen.wait_for_text("1 row imported, 0 refused")
        assert [s.source for s in endless_library.sessions()] == ["other/ferries-2 [large / all]"]


async def test_a_dataset_named_whole_offers_its_training_rows_first(endless_library, paths):
    async with mounted(DataTab, endless_library, paths, is_narrow=False) as screen:
        await open_import(screen)
        await screen.type("Repository", "owner/talk")
        screen.start(screen.click("Look up"))
        await screen.choose("Split", "test")
        screen.start(screen.click("Import dataset"))

        await screen.wait_for_text("1 row imported, 0 refused")
        assert [s.source for s in endless_library.sessions()] == ["owner/talk [small / test]"]


async def test_the_rows_of_a_dataset_are_looked_at_and_its_columns_given_their_parts(
    endless_library, endless_rows, paths
):
    endless_rows.hub_record = {"frage": "Wie tief?", "antwort": "Drei Faden.", "nr": 1}

    async with mounted(DataTab, endless_library, paths, is_narrow=False) as screen:
        await open_import(screen)
        await screen.type("Repository", "owner/tiefen")
        await screen.type("Split", "test")
        screen.start(screen.click("Look at its rows"))
        await screen.wait_for_text("It is a dataset of the Hugging Face Hub.")
        assert "owner/tiefen [test]" in screen.text()
        assert "Drei Faden." in " ".join(screen.identified("preview-table"))
        assert endless_library.sessions() == []

        await screen.choose("Each row is", "pair")
        await screen.choose("frage", "question")
        await screen.choose("antwort", "answer")
        await screen.wait_for_text("1 column kept as extra: `nr`")
        screen.start(screen.click("Import"))

        await screen.wait_for_text("1 row imported, 0 refused")
        [session] = endless_library.sessions()
        [row] = endless_library.rows(session.id)
        assert session.source == "owner/tiefen [test]"
        assert [message["content"] for message in row.messages] == ["Wie tief?", "Drei Faden."]
        assert row.meta == {"nr": 1}
        await screen.wait_for_text("From Hugging Face")


async def test_a_look_at_a_dataset_can_be_cancelled_though_the_hub_does_not_answer(
    endless_library, endless_rows, paths
):
    endless_rows.hub_record = {"frage": "Wie tief?", "antwort": "Drei Faden."}
    endless_rows.hub_answers.clear()

    async with mounted(DataTab, endless_library, paths, is_narrow=False) as screen:
        await open_import(screen)
        await screen.type("Repository", "owner/tiefen")
        screen.start(screen.click("Look at its rows"))
        await screen.wait_for_text("Reading its first rows…")
        await screen.click("Cancel")
        await screen.wait_for(lambda: "Reading its first rows…" not in screen.text())
        endless_rows.hub_answers.set()

        screen.start(screen.click("Import dataset"))
        await screen.wait_for_text("1 row imported, 0 refused")
        assert "It is a dataset of the Hugging Face Hub." not in screen.text()


async def test_a_dataset_that_cannot_be_looked_at_says_so_and_what_was_typed_stays(endless_library, paths):
    async with mounted(DataTab, endless_library, paths, is_narrow=False) as screen:
        await open_import(screen)
        await screen.type("Repository", "owner/gone")
        screen.start(screen.click("Look at its rows"))

        await screen.wait_for_text("There is no dataset 'owner/gone' that you can read.")
        assert screen.find(ft.TextField, "Repository").value == "owner/gone"


async def test_what_was_typed_and_found_is_still_there_after_a_look(endless_library, endless_rows, paths):
    endless_rows.hub_record = {"text": "The sea."}

    async with mounted(DataTab, endless_library, paths, is_narrow=False) as screen:
        await open_import(screen)
        await screen.type("Repository", "owner/sea")
        screen.start(screen.click("Look up"))
        await screen.choose("Split", "test")
        screen.start(screen.click("Look at its rows"))
        await screen.wait_for_text("owner/sea [small / test]")
        await screen.click("Choose something else")

        await screen.wait_for_text("From Hugging Face")
        assert screen.find(ft.TextField, "Repository").value == "owner/sea"
        assert screen.find(ft.Dropdown, "Split").value == "test"


async def test_offline_the_hub_is_disabled_with_the_reason(library, paths, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    async with mounted(DataTab, library, paths, is_narrow=False) as screen:
        await open_import(screen)
        await screen.type("Repository", "owner/talk")

        assert screen.identified("hub-blocked") == [
            "Offline mode is on: the environment variable HF_HUB_OFFLINE is set."
        ]
        assert screen.button("Import dataset").disabled
        assert screen.button("Look up").disabled
        assert screen.button("Look at its rows").disabled
