"""The frame around the tabs: where they are, which one is shown, and the keys that switch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import flet as ft

from app.paths import Paths
from app.services.everything import Services
from app.ui.data.tab import DataTab
from app.ui.escape import Escape
from app.ui.inference.draft import InferenceDraft
from app.ui.inference.tab import InferenceTab
from app.ui.kit.identified import Identified
from app.ui.kit.open_list import key_pressed
from app.ui.landmarks import LandmarkTour
from app.ui.merge.tab import MergeTab
from app.ui.offline import OfflineBanner
from app.ui.pods import PodsBanner
from app.ui.settings.tab import SettingsTab
from app.ui.texts import text_in
from app.ui.theme import NARROW_BELOW, TEXT_FONT, text_scale
from app.ui.training.draft import TrainingDraft
from app.ui.training.mounting import Unwatched
from app.ui.training.tab import TrainingTab


@dataclass(frozen=True)
class _Place:
    """An entry of the navigation."""

    name: str
    icon: ft.IconData
    chosen_icon: ft.IconData

    @property
    def label(self) -> str:
        return text_in("window.navigation", self.name)


_PLACES: Final = (
    _Place("data", ft.Icons.DATASET_OUTLINED, ft.Icons.DATASET),
    _Place("training", ft.Icons.MODEL_TRAINING_OUTLINED, ft.Icons.MODEL_TRAINING),
    _Place("inference", ft.Icons.FORUM_OUTLINED, ft.Icons.FORUM),
    _Place("merge", ft.Icons.MERGE_OUTLINED, ft.Icons.MERGE),
    _Place("settings", ft.Icons.SETTINGS_OUTLINED, ft.Icons.SETTINGS),
)
_DATA: Final = 0
_TRAINING: Final = 1
_INFERENCE: Final = 2
_MERGE: Final = 3
_SETTINGS: Final = 4


@ft.component
def Root(services: Services, paths: Paths) -> ft.Control:
    """All tabs, mounted side by side and shown one at a time, so that each keeps its state."""
    chosen, set_chosen = ft.use_state(_DATA)
    # As state, every keystroke would draw all tabs anew.
    draft = ft.use_memo(lambda: Unwatched(TrainingDraft()), dependencies=[])
    talks = ft.use_memo(lambda: Unwatched(InferenceDraft()), dependencies=[])
    is_narrow, measure = _use_is_narrow()
    _use_shortcuts(chosen, set_chosen)

    tabs = [
        DataTab(
            services.library,
            paths,
            is_narrow=is_narrow,
            publishing=services.publishing,
            previews=services.previews,
            collecting=services.collecting,
        ),
        TrainingTab(services, draft, lambda: set_chosen(_DATA), is_shown=chosen == _TRAINING),
        InferenceTab(services, talks, is_shown=chosen == _INFERENCE),
        MergeTab(
            services.merging,
            services.library,
            paths,
            lambda: set_chosen(_DATA),
            is_shown=chosen == _MERGE,
        ),
        SettingsTab(services, paths, measure, is_shown=chosen == _SETTINGS),
    ]
    return ft.Column(
        [
            OfflineBanner(services),
            PodsBanner(services.reaper),
            Frame(tabs, chosen, set_chosen, is_narrow=is_narrow),
        ],
        expand=True,
        spacing=0,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def Frame(
    tabs: Sequence[ft.Control], chosen: int, on_choose: Callable[[int], None], *, is_narrow: bool
) -> ft.Control:
    """The tabs beside a rail, or above a bar where the window is narrow.

    Both navigations are always there and one is hidden: a different tree would mount the tabs anew.
    """
    body = ft.Stack(
        [ft.Container(tab, visible=i == chosen, expand=True) for i, tab in enumerate(tabs)],
        expand=True,
        fit=ft.StackFit.EXPAND,
    )
    return ft.Column(
        [
            ft.Row(
                [
                    ft.Container(_rail(chosen, on_choose), visible=not is_narrow),
                    ft.VerticalDivider(width=1, visible=not is_narrow),
                    body,
                ],
                expand=True,
                spacing=0,
                vertical_alignment=ft.CrossAxisAlignment.STRETCH,
            ),
            ft.Container(_bar(chosen, on_choose), visible=is_narrow),
        ],
        expand=True,
        spacing=0,
    )


def _rail(chosen: int, on_choose: Callable[[int], None]) -> ft.Control:
    def choose(event: ft.Event[ft.NavigationRail]) -> None:
        on_choose(int(event.data or 0))

    rail = ft.NavigationRail(
        [
            ft.NavigationRailDestination(icon=p.icon, selected_icon=p.chosen_icon, label=p.label)
            for p in _PLACES
        ],
        selected_index=chosen,
        label_type=ft.NavigationRailLabelType.ALL,
        min_width=96,
        group_alignment=-1.0,
        leading=_brand(),
        on_change=choose,
    )
    return Identified("navigation", rail)


def _bar(chosen: int, on_choose: Callable[[int], None]) -> ft.Control:
    def choose(event: ft.Event[ft.NavigationBar]) -> None:
        on_choose(int(event.data or 0))

    bar = ft.NavigationBar(
        [
            ft.NavigationBarDestination(icon=p.icon, selected_icon=p.chosen_icon, label=p.label)
            for p in _PLACES
        ],
        selected_index=chosen,
        height=68 * (1 + text_scale(ft.context.page)) / 2,  # its icons stay as they are
        on_change=choose,
    )
    return Identified("navigation-bar", bar)


def _brand() -> ft.Control:
    mark = ft.Container(
        ft.Icon(ft.Icons.TUNE, color=ft.Colors.ON_PRIMARY, size=22),
        bgcolor=ft.Colors.PRIMARY,
        border_radius=10,
        padding=9,
    )
    name = ft.Text(
        "Tunewright",
        theme_style=ft.TextThemeStyle.BODY_SMALL,
        font_family=f"{TEXT_FONT} SemiBold",
        color=ft.Colors.PRIMARY,
    )
    column = ft.Column([mark, name], spacing=6, tight=True, horizontal_alignment=ft.CrossAxisAlignment.CENTER)
    return ft.Container(column, padding=ft.Padding.only(top=12, bottom=16))


def _use_is_narrow() -> tuple[bool, Callable[[], None]]:
    """Whether the window is narrow for its texts, and what measures again; renders only when that changes."""
    page = ft.context.page
    is_narrow, set_is_narrow = ft.use_state(_is_narrow(page))

    def measure() -> None:
        set_is_narrow(_is_narrow(page))

    def watch() -> None:
        page.on_resize = measure
        page.update()

    ft.use_effect(watch, dependencies=[])
    return is_narrow, measure


def _is_narrow(page: ft.Page) -> bool:
    least = NARROW_BELOW * text_scale(page)
    return (page.width or least) < least


def _use_shortcuts(chosen: int, on_choose: Callable[[int], None]) -> None:
    """Ctrl or Alt with 1 to 5: browsers keep one of the two for themselves, which one differs. F6 goes to the
    next landmark of the tab. Neither while a dialog is open: the focus would go behind it. Escape closes
    that one."""
    page = ft.context.page
    tour = ft.use_memo(LandmarkTour, dependencies=[])
    escape = ft.use_memo(Escape, dependencies=[])
    shown = ft.use_ref(chosen)
    shown.current = chosen

    async def press(event: ft.KeyboardEvent) -> None:
        key_pressed(page, event.key)
        await escape.press(page, event.key)
        if any(isinstance(dialog, ft.AlertDialog) and dialog.open for dialog in page._dialogs.controls):
            return
        if (event.ctrl or event.alt or event.meta) and event.key in ("1", "2", "3", "4", "5"):
            on_choose(int(event.key) - 1)
        elif event.key == "F6":
            await tour.go_on(page, _PLACES[shown.current or 0].name)

    def watch() -> None:
        page.on_keyboard_event = press
        page.update()

    ft.use_effect(watch, dependencies=[])
