"""Offline mode as the window shows it: a banner over everything, and the reason wherever something is off."""

from collections.abc import Callable
from typing import Final

import flet as ft

from app.services.offline import OfflineService
from app.ui.kit.identified import Identified
from app.ui.texts import text
from app.ui.theme import GAP, SPACE
from app.ui.training.watching import use_answer

_SECONDS: Final = 2.0


def use_reason(ask: Callable[[], str]) -> str:
    """Why something cannot be had now; empty if it can. Asked regularly: another window may switch."""
    reason, set_reason = ft.use_state("")
    use_answer(ask, set_reason, on="always", every_seconds=_SECONDS)
    return reason


@ft.component
def OfflineBanner(offline: OfflineService) -> ft.Control:
    """A line at the top of the window while offline mode is on."""
    reason = use_reason(offline.reason)
    if not reason:
        return ft.Container(visible=False)
    color = ft.Colors.ON_TERTIARY_CONTAINER
    line = ft.Row(
        [
            ft.Icon(ft.Icons.CLOUD_OFF_OUTLINED, color=color, size=20),
            ft.Text(
                text("window.offline.banner", reason=reason, way_out=offline.way_out()),
                color=color,
                expand=True,
            ),
        ],
        spacing=GAP,
    )
    box = ft.Container(
        line, bgcolor=ft.Colors.TERTIARY_CONTAINER, padding=ft.Padding.symmetric(horizontal=SPACE, vertical=8)
    )
    return Identified("offline-banner", box, live=True)


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
