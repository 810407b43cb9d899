"""What happened in a run, newest first, one sentence each."""

from collections.abc import Sequence
from typing import Final

import flet as ft

from app.domain.runs import RunEvent
from app.ui.kit.identified import Identified
from app.ui.kit.selectable import Selectable
from app.ui.texts import text
from app.ui.theme import CODE_FONT, GAP
from app.ui.training import wording

_COLORS: Final = {
    "info": ft.Colors.ON_SURFACE,
    "warning": ft.Colors.TERTIARY,
    "error": ft.Colors.ERROR,
}


@ft.component
def Timeline(events: Sequence[RunEvent]) -> ft.Control:
    """A scrolling list of its own height. Memoise it: most of the time nothing happens."""
    lines: list[ft.Control] = [_line(number, event) for number, event in reversed(list(enumerate(events)))]
    if not lines:
        lines = [ft.Text(text("training.timeline.empty"), color=ft.Colors.ON_SURFACE_VARIANT)]
    return ft.Column(
        [
            ft.Text(text("training.timeline.title"), theme_style=ft.TextThemeStyle.TITLE_SMALL),
            Identified(
                "timeline",
                ft.Container(Selectable(ft.ListView(lines, spacing=4)), height=150),
                label=text("training.timeline.title"),
            ),
        ],
        spacing=GAP / 2,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _line(number: int, event: RunEvent) -> ft.Control:
    return ft.Row(
        [
            ft.Text(
                wording.clock(event.time),
                font_family=CODE_FONT,
                theme_style=ft.TextThemeStyle.BODY_SMALL,
                color=ft.Colors.ON_SURFACE_VARIANT,
            ),
            ft.Text(
                event.text,
                theme_style=ft.TextThemeStyle.BODY_SMALL,
                color=_COLORS.get(event.level),
                expand=True,
            ),
        ],
        key=f"{number}-{event.time.timestamp()}",
        spacing=GAP * 1.5,
        vertical_alignment=ft.CrossAxisAlignment.START,
    )
