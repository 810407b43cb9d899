import flet as ft

from app.ui.kit.browse_button import beside_browse
from tests.ui.harness import mounted

CHOSEN = {"id": 1, "name": "rows.jsonl", "size": 1, "path": "/my/rows.jsonl"}


@ft.component
def PathField(is_folder: bool) -> ft.Control:
    path, set_path = ft.use_state("")
    field = ft.TextField(label="Path", value=path, on_change=lambda e: set_path(e.control.value))
    return beside_browse(field, "Browse", set_path, folder=is_folder)


async def test_what_is_chosen_in_the_systems_dialog_stands_in_the_field():
    async with mounted(PathField, False) as screen:
        screen.client.answers["pick_files"] = lambda _: [CHOSEN]
        await screen.click("Browse")
        await screen.wait_for(lambda: screen.find(ft.TextField, "Path").value == "/my/rows.jsonl")


async def test_a_folder_is_looked_for_where_a_folder_is_wanted():
    async with mounted(PathField, True) as screen:
        screen.client.answers["get_directory_path"] = lambda _: "/my/model"
        await screen.click("Browse")
        await screen.wait_for(lambda: screen.find(ft.TextField, "Path").value == "/my/model")


async def test_without_a_dialog_on_this_desktop_the_path_can_still_be_typed():
    def no_zenity(_):
        raise OSError("zenity")

    async with mounted(PathField, True) as screen:
        screen.client.answers["get_directory_path"] = no_zenity
        await screen.click("Browse")
        await screen.type("Path", "/typed")

        assert screen.find(ft.TextField, "Path").value == "/typed"


async def test_in_a_browser_which_tells_no_paths_there_is_the_field_alone():
    async with mounted(PathField, False, web=True) as screen:
        assert screen.find(ft.TextField, "Path") is not None
        assert not list(screen.controls(ft.IconButton))
