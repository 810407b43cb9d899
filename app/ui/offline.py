"""Offline mode as the window shows it: a banner over everything, and the reason wherever something is off."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import flet as ft

from app.domain.still_online import StillOnline
from app.services.everything import Services
from app.services.training import TrainingService
from app.ui.actions import use_action
from app.ui.kit.identified import Identified
from app.ui.texts import text
from app.ui.theme import GAP, SPACE
from app.ui.training.mounting import keyed
from app.ui.training.watching import use_answer

_SECONDS: Final = 2.0


def use_reason(ask: Callable[[], str]) -> str:
    """Why something cannot be had now; empty if it can. Asked regularly: another window may switch."""
    reason, set_reason = ft.use_state("")
    use_answer(ask, set_reason, on="always", every_seconds=_SECONDS)
    return reason


@ft.component
def OfflineBanner(services: Services) -> ft.Control:
    """Lines at the top of the window while offline mode is on: that it is, and what goes on from before."""
    found, set_found = ft.use_state(_Found())
    use_answer(lambda: _found(services), set_found, on="always", every_seconds=_SECONDS)
    if not found.reason:
        return ft.Container(visible=False)
    color = ft.Colors.ON_TERTIARY_CONTAINER
    reason, way_out = found.reason, services.offline.way_out()
    said = (
        text("window.offline.banner_still", reason=reason, way_out=way_out)
        if found.still
        else text("window.offline.banner", reason=reason, way_out=way_out)
    )
    line = ft.Row(
        [
            ft.Icon(ft.Icons.CLOUD_OFF_OUTLINED, color=color, size=20),
            ft.Text(said, color=color, expand=True),
        ],
        spacing=GAP,
    )
    rest = [_still(services.training, each) for each in found.still]
    box = ft.Container(
        ft.Column([line, *rest], spacing=GAP / 2, tight=True),
        bgcolor=ft.Colors.TERTIARY_CONTAINER,
        padding=ft.Padding.symmetric(horizontal=SPACE, vertical=8),
    )
    return Identified("offline-banner", box, live=True)


@dataclass(frozen=True)
class _Found:
    reason: str = ""
    """Why the network is not used; empty if it is."""
    still: tuple[StillOnline, ...] = ()


def _found(services: Services) -> _Found:
    reason = services.offline.reason()
    return _Found(reason, services.still_online.under_way()) if reason else _Found()


def _still(training: TrainingService, each: StillOnline) -> ft.Control:
    said = ft.Text(f"{each.said} {each.hint}".rstrip(), color=ft.Colors.ON_TERTIARY_CONTAINER, expand=True)
    button = [keyed(StopRun, f"still-{each.run_id}", training, each)] if each.run_id else []
    return ft.Row([said, *button], spacing=GAP)


@ft.component
def StopRun(training: TrainingService, each: StillOnline) -> ft.Control:
    """What sends each checkpoint is stopped without one."""
    run_id = each.run_id
    assert run_id is not None
    stop = use_action(lambda: training.stop(run_id, save=each.saves), on_done=lambda _: None)
    tip = text("window.offline.stop_help") if each.saves else text("window.offline.stop_unsaved_help")
    button = ft.FilledTonalButton(
        text("window.offline.stopping") if stop.is_busy else text("window.offline.stop", name=each.name),
        tooltip=tip,
        on_click=stop.run,
        disabled=stop.is_busy,
    )
    if stop.problem is None:
        return button
    said = f"{stop.problem.message} {stop.problem.hint}".strip()
    return ft.Row([ft.Text(said, color=ft.Colors.ON_TERTIARY_CONTAINER), button], spacing=GAP, wrap=True)


def Reason(text: str, *, identifier: str) -> ft.Control:
    """Why something here is disabled, in the words of `OfflineService.reason`; nothing if it is not."""
    if not text:  # unseen inside `Identified`, Flet 1.0.5 draws a red box that says so
        return ft.Container(visible=False)
    line = ft.Row(
        [
            ft.Icon(ft.Icons.CLOUD_OFF_OUTLINED, color=ft.Colors.TERTIARY, size=18),
            ft.Text(text, color=ft.Colors.TERTIARY, theme_style=ft.TextThemeStyle.BODY_SMALL, expand=True),
        ],
        spacing=GAP,
    )
    return Identified(identifier, line)
