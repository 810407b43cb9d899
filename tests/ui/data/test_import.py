from pathlib import Path

import flet as ft

from app.ui.data.tab import DataTab
from tests.ui.harness import mounted

BAD_LINES = ("not json", '{"prompt": "Only a question", "completion": " "}')


async def test_an_import_says_what_came_in_and_lists_what_was_refused_and_why(library, paths, write_rows):
    file = write_rows(good=3, lines=BAD_LINES)

    async with mounted(DataTab, library, paths, is_narrow=False) as screen:
        await import_path(screen, file)
        await screen.wait_for_text("3 rows imported, 2 refused")

        refused = " ".join(screen.identified("refused-rows"))
        assert "Line 4 the line is not JSON" in refused
        assert "Line 5 the answer is empty" in refused
        assert [s.row_count for s in library.sessions()] == [3]


async def test_another_language_names_the_place_of_a_refused_row(
    library, paths, write_rows, spoken, in_brackets
):
    spoken({place: said for place, said in in_brackets.items() if place.startswith("data.import.refused_at")})

    async with mounted(DataTab, library, paths, is_narrow=False) as screen:
        await import_path(screen, write_rows(good=3, lines=BAD_LINES))
        await screen.wait_for_text("3 rows imported, 2 refused")

        assert "⟦Line 4⟧" in " ".join(screen.identified("refused-rows"))


async def test_the_imported_rows_are_one_click_away(library, paths, write_rows):
    async with mounted(DataTab, library, paths, is_narrow=False) as screen:
        await import_path(screen, write_rows())
        await screen.wait_for(lambda: screen.has_button("Show the rows"))

        await screen.wait_for(lambda: screen.has_button("talk"))
        await screen.click("Show the rows")

        await screen.wait_for_text("Question 3?")
        assert "Answer 3." in screen.text()


async def test_a_file_that_cannot_be_used_is_a_banner_and_stores_nothing(library, paths, write_rows):
    async with mounted(DataTab, library, paths, is_narrow=False) as screen:
        await import_path(screen, write_rows(good=0, lines=("nonsense",)))

        await screen.wait_for_text("No row of talk.jsonl can be used")
        assert library.sessions() == []

        await screen.click("Dismiss")
        assert "No row of" not in screen.text()


async def test_a_file_that_is_not_there_is_a_banner(library, paths, tmp_path):
    async with mounted(DataTab, library, paths, is_narrow=False) as screen:
        await open_path(screen, tmp_path / "missing.jsonl")

        await screen.wait_for(lambda: screen.identified("problem"))
        assert "missing.jsonl" in screen.text()


async def test_an_import_counts_and_can_be_cancelled(endless_library, paths, tmp_path):
    async with mounted(DataTab, endless_library, paths, is_narrow=False) as screen:
        await import_path(screen, tmp_path / "endless.jsonl")
        await screen.wait_for(lambda: "00 rows read" in screen.text())

        await screen.click("Cancel import")

        await screen.wait_for_text("Import cancelled")
        assert endless_library.sessions() == []


async def test_a_cancelled_import_can_be_followed_by_another(endless_library, paths):
    async with mounted(DataTab, endless_library, paths, is_narrow=False) as screen:
        await import_path(screen, Path("x.jsonl"))
        await screen.wait_for_text("rows read")
        await screen.click("Cancel import")
        await screen.wait_for_text("Import cancelled")

        await screen.type("Repository", "owner/talk")
        await screen.type("Split", "test")
        await screen.type("Configuration", "small")
        screen.start(screen.click("Import dataset"))

        await screen.wait_for_text("1 row imported, 0 refused")
        assert [s.source for s in endless_library.sessions()] == ["owner/talk [small / test]"]


async def test_a_click_takes_what_was_typed_even_where_it_is_not_drawn_yet(endless_library, paths):
    async with mounted(DataTab, endless_library, paths, is_narrow=False) as screen:
        await open_import(screen)
        await screen.type("Repository", "owner/talk")
        as_drawn_before = screen.button("Import dataset").on_click

        await screen.type("Split", "test")
        screen.start(as_drawn_before())

        await screen.wait_for_text("1 row imported, 0 refused")
        assert [s.source for s in endless_library.sessions()] == ["owner/talk [test]"]


async def test_a_bug_while_importing_is_a_banner(library, paths, write_rows, monkeypatch):
    def break_down(*_args, **_kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr(library, "import_file", break_down)

    async with mounted(DataTab, library, paths, is_narrow=False) as screen:
        await import_path(screen, write_rows())

        await screen.wait_for_text("Something went wrong inside the app.")


async def test_the_desktop_chooser_gives_a_path(library, paths, write_rows, monkeypatch):
    monkeypatch.setattr("app.ui.data.file_choice.shutil.which", lambda _: "/usr/bin/zenity")
    file = write_rows("chosen.jsonl")

    async with mounted(DataTab, library, paths, is_narrow=False) as screen:
        screen.client.answers["pick_files"] = lambda _: [
            {"id": 1, "name": "chosen.jsonl", "size": 9, "path": str(file), "bytes": None}
        ]
        await open_import(screen)
        screen.start(screen.click("Choose a file…"))
        await screen.wait_for(lambda: screen.has_button("Import"))
        screen.start(screen.click("Import"))

        await screen.wait_for_text("3 rows imported, 0 refused")
        assert file.exists()


async def test_a_chooser_closed_without_a_choice_changes_nothing(library, paths, monkeypatch):
    monkeypatch.setattr("app.ui.data.file_choice.shutil.which", lambda _: "/usr/bin/zenity")

    async with mounted(DataTab, library, paths, is_narrow=False) as screen:
        screen.client.answers["pick_files"] = lambda _: []
        await open_import(screen)
        await screen.click("Choose a file…")

        assert not screen.button("Choose a file…").disabled
        assert library.sessions() == []


async def test_a_missing_chooser_is_explained_and_the_path_field_is_left(library, paths, monkeypatch):
    monkeypatch.setattr("app.ui.data.file_choice.shutil.which", lambda _: None)

    async with mounted(DataTab, library, paths, is_narrow=False) as screen:
        await open_import(screen)

        assert "zenity, which is not installed" in screen.text()
        assert screen.button("Choose a file…").disabled


async def test_in_the_browser_the_file_is_uploaded_imported_and_the_upload_removed(
    library, paths, write_rows
):
    file = write_rows("from-my-laptop.jsonl")

    async with mounted(DataTab, library, paths, is_narrow=False, web=True) as screen:
        receive_uploads(screen, paths, file)
        await open_import(screen)
        screen.start(screen.click("Choose a file…"))
        await screen.wait_for(lambda: screen.has_button("Import"))
        screen.start(screen.click("Import"))

        await screen.wait_for_text("3 rows imported, 0 refused")
        assert [(s.name, s.source) for s in library.sessions()] == [("from-my-laptop", file.name)]
        assert list(paths.uploads.iterdir()) == []


async def test_an_upload_that_failed_is_a_banner(library, paths, write_rows):
    async with mounted(DataTab, library, paths, is_narrow=False, web=True) as screen:
        receive_uploads(screen, paths, write_rows(), error="connection lost")
        await open_import(screen)
        screen.start(screen.click("Choose a file…"))

        await screen.wait_for_text("talk.jsonl could not be uploaded.")
        assert not screen.button("Choose a file…").disabled


def receive_uploads(screen, paths, file: Path, *, error: str | None = None) -> None:
    """Play the browser: one file is chosen, and its content is put where the address says."""
    screen.client.answers["pick_files"] = lambda _: [
        {"id": 7, "name": file.name, "size": file.stat().st_size, "path": None, "bytes": None}
    ]

    def upload(arguments: dict, picker: int) -> None:
        stored = paths.uploads / arguments["files"][0]["upload_url"].removeprefix("/upload/")
        if error is None:
            stored.parent.mkdir()
            stored.write_bytes(file.read_bytes())
        for progress in (0.0, 1.0):
            data = {"file_name": file.name, "progress": None if error else progress, "error": error}
            screen.start(screen._session.dispatch_event(picker, "upload", data))

    screen.client.answers["upload"] = upload


async def open_import(screen) -> None:
    await screen.click("Import data")
    assert list(screen.controls(ft.TextField))


async def import_path(screen, file: Path) -> None:
    await open_path(screen, file)
    await screen.wait_for(lambda: screen.has_button("Import"))
    screen.start(screen.click("Import"))


async def open_path(screen, file: Path) -> None:
    await open_import(screen)
    await screen.type("Path of a file or folder", str(file))
    screen.start(screen.click("Open path"))
