"""What Runpod itself kept of the log, shown only while the pod does not answer."""

from typing import Final

import flet as ft

from app.domain.runs import Run
from app.services.monitoring import MonitoringService
from app.ui.kit.identified import Identified
from app.ui.kit.selectable import Selectable
from app.ui.texts import text
from app.ui.theme import CODE_FONT, GAP
from app.ui.training.fields import Help
from app.ui.training.watching import use_answer

_SECONDS: Final = 2.0
LINES: Final = 40


@ft.component
def LogCopyView(monitoring: MonitoringService, run: Run) -> ft.Control:
    """Takes no room as long as the log itself comes."""
    said, set_text = ft.use_state("")
    is_live = not run.status.is_final
    use_answer(
        lambda: monitoring.log_copy(run),
        set_text,
        on=(run.attempt, is_live),
        every_seconds=_SECONDS if is_live else None,
    )
    if not said:
        return ft.Container(visible=False)
    newest = "\n".join(said.splitlines()[-LINES:])
    lines = ft.Text(newest, font_family=CODE_FONT, theme_style=ft.TextThemeStyle.BODY_SMALL)
    box = ft.Container(
        Selectable(ft.Column([lines], scroll=ft.ScrollMode.AUTO, auto_scroll=True, height=160)),
        bgcolor=ft.Colors.SURFACE_CONTAINER,
        border=ft.Border.all(1, ft.Colors.OUTLINE_VARIANT),
        border_radius=GAP,
        padding=GAP,
    )
    column = ft.Column(
        [Help(text("training.log.copy_about")), box],
        spacing=GAP / 2,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
    return Identified("log-copy", column, label=text("training.log.copy"), live=True)
