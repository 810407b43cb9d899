"""Where things lie: shown, opened, copied; and where the results of runs go, which can be changed."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import flet as ft

from app.paths import HOME_VARIABLE, Paths
from app.services.settings import SettingsService
from app.ui.kit.copy_button import CopyButton
from app.ui.kit.labeled_value import LabeledValue
from app.ui.kit.open_folder_button import OpenFolderButton
from app.ui.kit.section import Section
from app.ui.settings.saved_field import SavedField
from app.ui.texts import text
from app.ui.training.mounting import keyed
from app.ui.training.watching import use_answer


@ft.component
def Folders(settings: SettingsService, paths: Paths, show: Callable[[Path], None]) -> ft.Control:
    """`show` opens a folder in the file manager."""
    saved, set_saved = ft.use_state(cast(str | None, None))
    use_answer(lambda: settings.data_folder, set_saved, on="once")
    named = {
        text("settings.folders.everything"): paths.home,
        text("settings.folders.runs"): (Path(saved) if saved else paths.data) / "outputs",
        text("settings.folders.exports"): paths.exports,
        text("settings.folders.logs"): paths.logs,
    }
    rows = [_folder(label, folder, show) for label, folder in named.items()]
    if saved is not None:
        rows.append(_data_folder(settings, saved, str(paths.data), set_saved))
    return Section(
        text("settings.folders.title"),
        rows,
        subtitle=text("settings.folders.subtitle", variable=HOME_VARIABLE),
    )


def _folder(label: str, folder: Path, show: Callable[[Path], None]) -> ft.Control:
    buttons = ft.Row(
        [
            keyed(OpenFolderButton, f"open-{label}", show, folder),
            CopyButton(str(folder), what=text("settings.folders.path_of", folder=label.lower())),
        ],
        tight=True,
    )
    named = LabeledValue(label, str(folder), is_code=True)
    cells: list[ft.Control] = [
        ft.Container(named, col={"xs": 12, "sm": 7, "md": 8}),
        ft.Container(buttons, col={"xs": 12, "sm": 5, "md": 4}, alignment=ft.Alignment.CENTER_RIGHT),
    ]
    return ft.ResponsiveRow(cells, spacing=0, run_spacing=0)


def _data_folder(
    settings: SettingsService, saved: str, usual: str, on_saved: Callable[[str], None]
) -> ft.Control:
    """Large results may belong on another disk."""
    return keyed(
        SavedField,
        "data-folder",
        saved,
        settings.set_data_folder,
        on_saved,
        text("settings.folders.save_data"),
        label=text("settings.folders.data"),
        hint_text=usual,
        helper=text("settings.folders.data_help"),
        helper_max_lines=3,
    )
