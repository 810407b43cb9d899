"""The Settings tab: looks, folders, the token, what this computer can do, and what this app is."""

from collections.abc import Callable
from importlib.metadata import version

import flet as ft

from app.paths import Paths
from app.services.everything import Services
from app.ui.kit.labeled_value import LabeledValue
from app.ui.kit.page_heading import PageHeading
from app.ui.kit.section import Section
from app.ui.kit.tab_column import TabColumn
from app.ui.settings.appearance import Appearance
from app.ui.settings.computer import Computer
from app.ui.settings.folders import Folders
from app.ui.settings.inference import Inference
from app.ui.settings.offline import OfflineSwitch
from app.ui.settings.runpod_storage import RunpodStorage
from app.ui.settings.tokens import Tokens
from app.ui.settings.web import Web
from app.ui.texts import text


@ft.component
def SettingsTab(
    services: Services, paths: Paths, on_text_size: Callable[[], None], *, is_shown: bool
) -> ft.Control:
    """`is_shown` starts the first look at this computer: it is not worth doing before someone looks.

    `on_text_size`: texts take more room now, or less.
    """
    return TabColumn(
        [
            PageHeading(text("settings.title"), text("settings.subtitle")),
            Appearance(services.settings, on_text_size),
            Folders(services.settings, paths, services.training.show_folder),
            Tokens(services.tokens, is_shown=is_shown),
            RunpodStorage(services.runpod_storage, services.renting, is_shown=is_shown),
            OfflineSwitch(services.offline),
            Web(services.settings),
            Inference(services.settings),
            Computer(services.doctor, is_shown=is_shown),
            _about(),
        ]
    )


def _about() -> ft.Control:
    return Section(
        text("settings.about.title"),
        [
            LabeledValue(text("settings.about.version"), version("tunewright")),
            LabeledValue(text("settings.about.telemetry"), text("settings.about.no_telemetry")),
            LabeledValue(text("settings.about.licence"), text("settings.about.licences")),
        ],
    )
