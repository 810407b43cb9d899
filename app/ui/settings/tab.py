"""The Settings tab: looks, folders, the token, what this computer can do, and what this app is."""

from importlib.metadata import version

import flet as ft

from app.paths import HOME_VARIABLE, Paths
from app.services.everything import Services
from app.ui.kit.copy_button import CopyButton
from app.ui.kit.labeled_value import LabeledValue
from app.ui.kit.page_heading import PageHeading
from app.ui.kit.section import Section
from app.ui.kit.tab_column import TabColumn
from app.ui.settings.appearance import Appearance
from app.ui.settings.computer import Computer
from app.ui.settings.hub_token import HubToken
from app.ui.settings.offline import OfflineSwitch
from app.ui.settings.web import Web


@ft.component
def SettingsTab(services: Services, paths: Paths, *, is_shown: bool) -> ft.Control:
    """`is_shown` starts the first look at this computer: it is not worth doing before someone looks."""
    return TabColumn(
        [
            PageHeading("Settings", "How Tunewright looks, where it keeps things, and what it found here."),
            Appearance(services.settings),
            _folders(paths),
            HubToken(services.doctor, is_shown=is_shown),
            OfflineSwitch(services.offline),
            Web(services.settings),
            Computer(services.doctor, is_shown=is_shown),
            _about(),
        ]
    )


def _folders(paths: Paths) -> ft.Control:
    named = {
        "Everything Tunewright owns": paths.home,
        "Run folders": paths.outputs,
        "Exported sessions": paths.exports,
        "Logs": paths.logs,
    }
    return Section(
        "Folders",
        [
            LabeledValue(
                label,
                str(folder),
                is_code=True,
                trailing=CopyButton(str(folder), what=f"the path of {label.lower()}"),
            )
            for label, folder in named.items()
        ],
        subtitle=f"Set the environment variable {HOME_VARIABLE} before the start to move all of it.",
    )


def _about() -> ft.Control:
    return Section(
        "About",
        [
            LabeledValue("Version", version("tunewright")),
            LabeledValue("Licence", "Apache License 2.0; the fonts Inter and JetBrains Mono: SIL OFL 1.1"),
        ],
    )
