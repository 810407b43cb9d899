"""A dataset of the Hub: looked up, its configuration and split chosen from what it has."""

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


async def test_offline_the_hub_is_disabled_with_the_reason(library, paths, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    async with mounted(DataTab, library, paths, is_narrow=False) as screen:
        await open_import(screen)
        await screen.type("Repository", "owner/talk")

        assert screen.identified("hub-blocked") == [
            "Offline mode is on: HF_HUB_OFFLINE is set. Unset it and start Tunewright again."
        ]
        assert screen.button("Import dataset").disabled
        assert screen.button("Look up").disabled
